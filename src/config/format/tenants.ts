// `tenants:` of routes.yaml as a whole: who may call, and with which accounts at third parties.
import { accountsSchema } from '../../integration/credentials/settings.ts';
import * as s from '../../schema/schema.ts';
import { tenantsSchemaWith } from '../../tenant/settings.ts';

export const tenantsSchema = tenantsSchemaWith(s.optional(accountsSchema));

export type TenantSettings = s.Infer<typeof tenantsSchema> extends ReadonlyMap<string, infer Each> ? Each : never;
