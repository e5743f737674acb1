// The public API: a gateway in one's own Express app or server, and what one's own policies are made of.
export type { Finding } from './config/check/finding.ts';
export type { GatewayConfig } from './config/load/load-gateway.ts';
export { ConfigurationError, createGateway, type Gateway, type GatewayOptions } from './create-gateway.ts';
export type { Exchange, Slot } from './exchange/exchange.ts';
export { slot } from './exchange/exchange.ts';
export type { Problem } from './exchange/problem.ts';
export { defineProblem } from './exchange/problem.ts';
export type { Env, Policy, PolicyDefinition, Verdict } from './policies/policy.ts';
export { definePolicy } from './policies/policy.ts';
export * as s from './schema/schema.ts';
