/**
 * Prepares the embedded MongoDB server of embedded-mongodb/: mongo-java-server, with its data in an H2 file. Its
 * libraries come from Maven, so it works where only package registries are reachable. Not for production.
 */
import { createHash } from 'node:crypto';
import { access, readdir, readFile, rename } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { ChangedFile, sha256Of } from '../checked-program';
import type { EngineOptions } from '../engine';
import { type GuardedCommand, runGuarded } from '../guard/guarded-process';
import { packageFile } from '../package-file';
import { withProgress } from '../progress';
import { withStagingFolder } from '../staging-folder';

const VERSION = '1.47.0';
/** The format is that of `sha256sum`; scripts/pin-libraries.js writes the file. */
const LIBRARY_HASHES = 'embedded-mongodb/libraries.sha256';
const JAVA_VERSION_MIN = 17;
const JAVA_VERSION_WITHIN_MS = 30_000;
const MAVEN_WITHIN_MS = 10 * 60_000;
const COMPILED_WITHIN_MS = 2 * 60_000;

/**
 * Checks the version of Java, then fetches the libraries and compiles the server unless the cache has them.
 *
 * @returns the classpath.
 */
export async function mongoJavaServerClasspath(options: EngineOptions): Promise<string> {
  await checkJava(options);
  const libraries = join(options.cacheDir, `mongo-java-server-${VERSION}`);
  const jars = await readdir(libraries).catch(() => []);
  if (jars.length === 0) await fetchLibraries(libraries, options);
  await checkLibraries(libraries, `Delete ${libraries}. The next start downloads it again.`);
  const paths = (await readdir(libraries)).map((jar) => join(libraries, jar));
  return [await compiledClasses(paths.join(delimiter), options), ...paths].join(delimiter);
}

/**
 * Compares each library with its pinned SHA-256. Every start does so; it takes about 20 ms.
 *
 * @throws {ChangedFile} if a library differs, is missing, or is not in the list.
 */
async function checkLibraries(folder: string, remedy: string): Promise<void> {
  const list = await readFile(packageFile(LIBRARY_HASHES), 'utf8');
  const pinned = new Map(
    list
      .trimEnd()
      .split('\n')
      .map((line) => [line.slice(66), line.slice(0, 64)]),
  );
  const names = await readdir(folder);
  const missing = [...pinned.keys()].find((name) => !names.includes(name));
  if (missing !== undefined) throw new ChangedFile(folder, `has no ${missing}`, remedy);
  for (const name of names) {
    const path = join(folder, name);
    const expected = pinned.get(name);
    // oxlint-disable-next-line no-await-in-loop -- stops at the first difference
    const sha256 = await sha256Of(path);
    if (sha256 === expected) continue;
    const difference =
      expected === undefined
        ? `is not in ${LIBRARY_HASHES}`
        : `has the SHA-256 ${sha256}, but ${expected} is expected`;
    throw new ChangedFile(path, difference, remedy);
  }
}

/** Returns the command that serves one data file. */
export function mongoJavaServerCommand(
  classpath: string,
  dataFile: string,
  socket: string,
): GuardedCommand {
  return {
    command: 'java',
    args: [
      '-XX:+UseSerialGC', // the collector with the least overhead: Temporal and Evergrant share the machine
      '-XX:TieredStopAtLevel=1', // the second compiler would use half a core for the first 30 s
      '-Xmx512m',
      '-XX:+ExitOnOutOfMemoryError', // without memory, threads end while they hold locks, and queries wait for ever
      '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn', // the info level logs every connection
      '-cp',
      classpath,
      'Launcher',
      socket,
      dataFile,
    ],
  };
}

async function checkJava({ environment }: EngineOptions): Promise<void> {
  const java = await runGuarded(
    { command: 'java', args: ['-version'], environment },
    { timeoutMs: JAVA_VERSION_WITHIN_MS },
  );
  const version = /version "(?:1\.)?(\d+)/.exec(java.output)?.[1];
  if (java.code !== 0 || version === undefined) throw new Error(`java -version: ${java.output}`);
  if (Number(version) < JAVA_VERSION_MIN) {
    throw new Error(
      `a JDK ${JAVA_VERSION_MIN} or newer is required, but java on PATH has version ${version}`,
    );
  }
}

/** Compiles the server into the cache, once per version of its sources: compiling doubles the time of a start. */
async function compiledClasses(
  classpath: string,
  { cacheDir, environment }: EngineOptions,
): Promise<string> {
  const folder = packageFile('embedded-mongodb/src/main/java');
  const sources = (await readdir(folder)).filter((name) => name.endsWith('.java')).toSorted();
  // Includes the hashes of the libraries, so that other library versions lead to a new compilation.
  const hash = createHash('sha256').update(await readFile(packageFile(LIBRARY_HASHES)));
  for (const name of sources) hash.update(await readFile(join(folder, name)));
  const classes = join(cacheDir, `mongo-java-server-classes-${hash.digest('hex').slice(0, 16)}`);
  const exist = () =>
    access(classes).then(
      () => true,
      () => false,
    );
  if (await exist()) return classes;
  await withStagingFolder(classes, async (staging) => {
    const compiled = join(staging, 'classes');
    const result = await runGuarded(
      {
        command: 'java',
        args: [
          '--module',
          'jdk.compiler/com.sun.tools.javac.Main',
          '-encoding',
          'UTF-8',
          '-cp',
          classpath,
          '-d',
          compiled,
          ...sources.map((name) => join(folder, name)),
        ],
        environment,
      },
      { timeoutMs: COMPILED_WITHIN_MS },
    );
    if (result.timedOut || result.code !== 0) throw new Error(`javac failed: ${result.output}`);
    await rename(compiled, classes).catch(async (error: unknown) => {
      // Another process may have compiled them first.
      if (!(await exist())) throw error;
    });
  });
  return classes;
}

async function fetchLibraries(
  libraries: string,
  { log, environment }: EngineOptions,
): Promise<void> {
  await withStagingFolder(libraries, async (staging) => {
    const jars = join(staging, 'jars');
    const fetched = runGuarded(
      {
        command: 'mvn',
        args: [
          '--batch-mode',
          '--quiet',
          '--strict-checksums', // for the libraries and for the plugin that copies them
          '--file',
          packageFile('embedded-mongodb/pom.xml'),
          '--activate-profiles',
          '!tests', // no test libraries
          // By its full name: for the short name, Maven downloads every plugin of the build.
          'org.apache.maven.plugins:maven-dependency-plugin:copy-dependencies',
          `-DoutputDirectory=${jars}`,
        ],
        environment,
      },
      { timeoutMs: MAVEN_WITHIN_MS },
    );
    const result = await withProgress(
      log,
      async (elapsed) => {
        const count = (await readdir(jars).catch(() => [])).length;
        return `MongoDB: Maven: libraries downloaded: ${count}, ${elapsed}`;
      },
      fetched,
    );
    if (result.timedOut) throw new Error('Maven took more than ten minutes');
    if (result.code !== 0) throw new Error(`Maven failed: ${result.output}`);
    await checkLibraries(
      jars,
      "Delete it from Maven's local repository, and check the repository that Maven fetches from.",
    );
    await rename(jars, libraries);
  });
}
