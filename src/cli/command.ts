/** The definition of a CLI command: its words, its options and its action. */
import type { ParseArgsConfig } from 'node:util';
import type { ApiClient } from './api-client';
import type { Output } from './output';

export interface Context {
  api: ApiClient;
  out: Output;
  /** Print the API's responses as JSON. */
  json: boolean;
  options: Options;
  /** One argument for each of {@link Command.places}, then those of {@link Command.rest}. */
  places: string[];
}

export interface DatabaseContext extends Omit<Context, 'api'> {
  mongodbUri: string;
}

/** A command over the API, or one that works on MongoDB itself, where no API may run yet. */
export type Command = ApiCommand | DatabaseCommand;

interface Description {
  words: string[];
  /** Names of the required arguments, in order: `<id>`. */
  places?: string[];
  /** Name of the optional arguments that may follow, any number of times. */
  rest?: string;
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

type ParseOption = NonNullable<ParseArgsConfig['options']>[string];

export interface Option extends Pick<ParseOption, 'type' | 'multiple' | 'short'> {
  /** Placeholder for the value in the help. */
  value?: string;
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

  texts(name: string): string[] {
    const value = this.#values[name];
    return Array.isArray(value) ? value.map(String) : [];
  }

  /** Returns one of several words. The API knows the allowed ones and reports others. */
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

  isSet(name: string): boolean {
    return this.#values[name] === true;
  }
}
