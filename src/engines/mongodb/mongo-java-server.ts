// mongo-java-server: the MongoDB protocol in Java on an H2 file. Its libraries come from Maven, so it
// can be had where only package registries are reached. For trying out and tests, never for production.

import { createHash } from 'node:crypto';
import { access, readdir, readFile, rename } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { withFolderAside } from './aside';
import type { EngineOptions } from './engine';
import { type GuardedCommand, runGuarded } from './guarded-process';
import { packageFile } from './package-file';
import { LOOPBACK } from './ports';
import { withProgress } from './progress';

const VERSION = '1.47.0';
const JAVA_VERSION_MIN = 17;
const JAVA_VERSION_WITHIN_MS = 30_000;
const MAVEN_WITHIN_MS = 10 * 60_000;
const COMPILED_WITHIN_MS = 2 * 60_000;

/**
 * Checks Java and makes sure that the libraries, and our own classes, are in the cache.
 *
 * @returns where Java finds them all.
 */
export async function mongoJavaServerClasspath(options: EngineOptions): Promise<string> {
  await checkJava(options);
  const libraries = join(options.cacheDir, `mongo-java-server-${VERSION}`);
  const jars = await readdir(libraries).catch(() => []);
  if (jars.length === 0) await fetchLibraries(libraries, options);
  const paths = (await readdir(libraries)).map((jar) => join(libraries, jar));
  return [await compiledClasses(paths.join(delimiter), options), ...paths].join(delimiter);
}

/** The command that serves one data file. */
export function mongoJavaServerCommand(
  classpath: string,
  dataFile: string,
  port: number,
): GuardedCommand {
  return {
    command: 'java',
    args: [
      '-XX:+UseSerialGC', // a small heap on a machine shared with Temporal and ourselves
      '-XX:TieredStopAtLevel=1', // the thorough compiler takes half a core for the first half minute
      '-Xmx512m',
      '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn', // its info level logs every connection
      '-cp',
      classpath,
      'Launcher',
      LOOPBACK,
      String(port),
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
    throw new Error(`needs a JDK ${JAVA_VERSION_MIN} or newer, java on PATH is ${version}`);
  }
}

/** Our own classes, compiled once for each state of their sources: a start would take twice as long with it. */
async function compiledClasses(
  classpath: string,
  { cacheDir, environment }: EngineOptions,
): Promise<string> {
  const folder = packageFile('src/engines/mongo-java-server');
  const sources = (await readdir(folder)).filter((name) => name.endsWith('.java')).toSorted();
  const hash = createHash('sha256').update(VERSION);
  for (const name of sources) hash.update(await readFile(join(folder, name)));
  const classes = join(cacheDir, `mongo-java-server-classes-${hash.digest('hex').slice(0, 16)}`);
  const exist = () =>
    access(classes).then(
      () => true,
      () => false,
    );
  if (await exist()) return classes;
  await withFolderAside(classes, async (aside) => {
    const compiled = join(aside, 'classes');
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
      // Another process had them ready first.
      if (!(await exist())) throw error;
    });
  });
  return classes;
}

async function fetchLibraries(
  libraries: string,
  { say, environment }: EngineOptions,
): Promise<void> {
  await withFolderAside(libraries, async (aside) => {
    const jars = join(aside, 'jars');
    const fetched = runGuarded(
      {
        command: process.platform === 'win32' ? 'mvn.cmd' : 'mvn',
        args: [
          '--batch-mode',
          '--quiet',
          '--file',
          packageFile('src/engines/mongo-java-server/pom.xml'),
          'dependency:copy-dependencies',
          `-DoutputDirectory=${jars}`,
        ],
        environment,
      },
      { timeoutMs: MAVEN_WITHIN_MS },
    );
    const result = await withProgress(
      say,
      async (elapsed) => {
        const count = (await readdir(jars).catch(() => [])).length;
        return `MongoDB: Maven: libraries fetched: ${count}, ${elapsed}`;
      },
      fetched,
    );
    if (result.timedOut) throw new Error('Maven took more than ten minutes');
    if (result.code !== 0) throw new Error(`Maven failed: ${result.output}`);
    await rename(jars, libraries);
  });
}
