/** The definition of a CLI command: its words, its options and its action. */
import type { ApiClient } from './api-client';
import type { Output } from './output';

export interface Context {
  api: ApiClient;
  out: Output;
  options: Options;
  /**
   * One value per name in {@link Description.positionals}, then the optional ones of {@link Description.optional} and
   * {@link Description.rest}.
   */
  positionals: string[];
}

export interface DatabaseContext extends Omit<Context, 'api'> {
  mongodbUri: string;
}

interface LocalContext extends Omit<Context, 'api'> {
  /** All commands, for the completion scripts. */
  commands: readonly Command[];
}

/** A command over the API, one that works on MongoDB itself, where no API may run yet, or one that needs neither. */
export type Command = ApiCommand | DatabaseCommand | LocalCommand;

interface Description {
  words: string[];
  /** Names of the required arguments, in order, such as `id`. */
  positionals?: string[];
  /** Name of one further argument, which may be omitted. */
  optional?: string;
  /** Name of further optional arguments, of which there may be any number. */
  rest?: string;
  /** The arguments name files, for the completion. */
  takesFiles?: boolean;
  summary: string;
  options?: Record<string, Option>;
  /** Additional text in the command's help, below the options. */
  more?: string;
}

interface ApiCommand extends Description {
  /** @returns the exit code */
  run(context: Context): Promise<0 | 1>;
}

export interface DatabaseCommand extends Description {
  /** @returns the exit code */
  runOnDatabase(context: DatabaseContext): Promise<0 | 1>;
}

interface LocalCommand extends Description {
  /** @returns the exit code */
  runLocally(context: LocalContext): Promise<0 | 1>;
}

export interface Option {
  type: 'string' | 'boolean';
  /** The option may be repeated. */
  multiple?: boolean;
  short?: string;
  required?: boolean;
  /** Placeholder for the value in the help. */
  value?: string;
  /** All valid values. */
  choices?: readonly string[];
  /** The value names a file, for the completion. */
  takesFile?: boolean;
  help: string;
}

export class Options {
  readonly #values: Readonly<Record<string, unknown>>;

  constructor(values: Readonly<Record<string, unknown>>) {
    this.#values = values;
  }

  text(name: string): string | undefined {
    const value = this.#values[name];
    return typeof value === 'string' ? value : undefined;
  }

  /** Returns the value of a required option: without it, the command does not run. */
  required(name: string): string {
    return this.text(name) ?? '';
  }

  texts(name: string): string[] {
    const value = this.#values[name];
    return Array.isArray(value) ? value.map(String) : [];
  }

  /** Returns one of several words. The API validates it. */
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters
  word<T extends string>(name: string): T | undefined {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    return this.text(name) as T | undefined;
  }

  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters
  words<T extends string>(name: string): T[] {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    return this.texts(name) as T[];
  }

  /** The values of a filter that may be repeated; `undefined` without one. */
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters
  filter<T extends string>(name: string): T[] | undefined {
    const values = this.words<T>(name);
    return values.length === 0 ? undefined : values;
  }

  isSet(name: string): boolean {
    return this.#values[name] === true;
  }
}
