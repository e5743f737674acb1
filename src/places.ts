// Where the code that runs is: the sources as they are, or what `npm run build` joined of them in `dist/`, where a module has no file
// of its own. Both folders have the entries at the same places, and the joined pieces lie at the top, as this file does.
import { extname, join, sep } from 'node:path';

/** The folder of Sluice's own code, `src/` or `dist/`, with a separator at its end. */
export const CODE_FOLDER = import.meta.dirname + sep;

/** What `import … from 'sluice'` means in a module of a platform engineer's: the running instance, never a copy. */
export const INDEX = entry('index');

/** The thread that reads a configuration. */
export const READING_WORKER = entry('config/read/reading-worker');

/** The thread of mappings and XML. */
export const JOB_WORKER = entry('integration/threads/worker');

/** package.json. */
export const MANIFEST = new URL('../package.json', import.meta.url);

/** Where V8 keeps what it has compiled of all that is loaded. It lies with the code, and is as trustworthy: who may write it could change the code. */
export const COMPILE_CACHE = join(import.meta.dirname, '../node_modules/.cache/sluice');

/** An entry of the build: a file in either folder. */
function entry(path: string): URL {
  return new URL(`./${path}${extname(import.meta.filename)}`, import.meta.url);
}
