// routes.yaml → a checked, typed configuration, or everything that is wrong with it: read → expand → normalise → merge →
// decode → cross-check. Nothing here throws on bad input, and nothing runs a policy.
import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import { SchemaCompiler } from '../../json/compiler.ts';
import { readNamedFile, readToEnd } from '../../named-file.ts';
import type { Node, Place, Report } from '../../schema/schema.ts';
import { crossCheck } from '../check/cross-check.ts';
import { type Finding, Findings } from '../check/finding.ts';
import { checkSchemas } from '../check/schemas.ts';
import { type SecretHolder, withoutSecrets } from '../check/secret-text.ts';
import type { RoutesConfig } from '../format/routes-config.ts';
import { type Environment, readSource, type Source } from '../read/read-source.ts';
import { readOnThread } from '../read/reading-thread.ts';
import { whyUnreadable } from '../read/unreadable.ts';
import { assemble, type Names } from './assemble.ts';
import { normalise } from './normalise.ts';
import { TextFiles } from './text-files.ts';
import { ONE_TURN, type Turns } from './turns.ts';

/** What was read. */
export interface LoadedRoutes {
  /** By file, line and column; none quotes a secret. */
  readonly findings: readonly Finding[];
  /** There when no finding is an error. */
  readonly config?: RoutesConfig;
  /** Everything to watch, as absolute paths: the file and what it refers to, also what is missing. */
  readonly files: readonly string[];
  /** Names the content of all the files, for people and metrics; hexadecimal. */
  readonly hash: string;
  /** Holds every schema of the routes, compiled; the next load takes over what has not changed. */
  readonly schemas: SchemaCompiler;
  /** What the mappings and XML templates of the routes say, those in files included. */
  readonly texts: TextFiles;
  /** Takes the secrets of the file out of what is found later. */
  conceal(findings: readonly Finding[]): readonly Finding[];
}

/** A process that serves while it loads. */
export interface Beside {
  readonly turns: Turns;
  /** Those of the configuration in service; what has not changed is taken over. */
  readonly schemas: SchemaCompiler | undefined;
}

/**
 * Reads and checks a routes file.
 *
 * @param file as the user names it: findings name it the same way
 * @param env what `${env:…}` refers to
 * @param beside what a process that serves meanwhile says: the turns it leaves, and the schemas that it has
 */
export async function loadRoutes(file: string, env: Environment, beside?: Beside): Promise<LoadedRoutes> {
  const turns = beside?.turns ?? ONE_TURN;
  // Starting a thread takes longer than reading most files: who waits for nothing else reads here.
  const source = await (beside === undefined ? readSource(file, env) : readOnThread(file, env, turns));
  return understand(file, source, beside?.schemas, turns);
}

/** As {@link loadRoutes}, for one who reads the file this once and waits for nothing else: it may be a pipe. */
export async function loadRoutesOnce(file: string, env: Environment): Promise<LoadedRoutes> {
  return understand(file, await readSource(file, env, readToEnd), undefined, ONE_TURN);
}

async function understand(
  file: string,
  source: Source,
  known: SchemaCompiler | undefined,
  turns: Turns,
): Promise<LoadedRoutes> {
  const findings = new Findings();
  for (const finding of source.findings) findings.push(finding);
  const config = source.root && (await build(file, source.root, findings, turns));
  const schemas = new SchemaCompiler(known);
  if (config !== undefined) await checkSchemas(config, schemas, findings, turns);
  const texts = await TextFiles.read(config, { file, text: source.text }, findings, turns);
  const files = new Set([...source.files.map((each) => resolve(each)), ...schemas.files, ...texts.files]);
  const holder: SecretHolder = { file, text: source.text, secrets: source.secrets };
  const conceal = (found: readonly Finding[]) => withoutSecrets(found, holder);
  return {
    findings: conceal(findings.all),
    ...(config !== undefined && findings.errors === 0 && { config }),
    files: [...files],
    hash: await contentHash(files),
    schemas,
    texts,
    conceal,
  };
}

/** What is sound of the configuration; undefined when there is not even the shape of one. */
async function build(file: string, root: Node, findings: Findings, turns: Turns): Promise<RoutesConfig | undefined> {
  const tree = await normalise(root, withoutConsequences(findings), turns);
  if (tree?.kind !== 'map') return undefined;
  const names = namesOf(root);
  const config = await assemble(file, tree, names, findings, turns);
  await crossCheck(config, root, names, findings, turns);
  return config;
}

/** A reference that led nowhere was reported where it stands: that what is left of it has no meaning says nothing new. */
function withoutConsequences(findings: Findings): Report {
  const told = new Set(findings.all.map(({ at }) => placeKey(at)));
  return {
    add(at, code, message, hint, severity) {
      if (!told.has(placeKey(at))) findings.add(at, code, message, hint, severity);
    },
  };
}

function placeKey({ file, line, column }: Place): string {
  return `${file}:${line}:${column}`;
}

function namesOf(root: Node): Names {
  return new Map(root.kind === 'map' ? root.entries.map(({ key, value }) => [key, keysOf(value)]) : []);
}

function keysOf(node: Node): ReadonlyMap<string, Place> {
  return new Map(node.kind === 'map' ? node.entries.map(({ key, keyAt }) => [key, keyAt]) : []);
}

async function contentHash(files: Iterable<string>): Promise<string> {
  const hash = createHash('sha256');
  for (const file of files) {
    hash.update(`${file.length}:${file}`);
    try {
      const content = await readNamedFile(file);
      hash.update(`${content.length}:`).update(content);
    } catch (error) {
      // One that is missing is not the same as one that is empty, or a directory.
      hash.update(`!${whyUnreadable(error)}`);
    }
  }
  return hash.digest('hex').slice(0, 16);
}
