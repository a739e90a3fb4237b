/** What a command of the command line is: words, options, and what it does. */
import type { ParseArgsConfig } from 'node:util';
import type { ApiClient } from './api-client';
import type { Output } from './output';

export interface Context {
  api: ApiClient;
  out: Output;
  /** Print the API's answers as they are. */
  json: boolean;
  /** The options, by name; those that were not given are absent. */
  options: Options;
  /** One for each of {@link Command.places}, then those of {@link Command.rest}. */
  places: string[];
}

export interface Command {
  words: string[];
  /** Names of what must follow, in order: `<id>`. */
  places?: string[];
  /** The name of what may follow those, any number of times. */
  rest?: string;
  summary: string;
  options?: Record<string, Option>;
  /** Said in the command's own help, below the options. */
  more?: string;
  /** Answers with the exit code. */
  run(context: Context): Promise<0 | 1>;
}

type ParseOption = NonNullable<ParseArgsConfig['options']>[string];

export interface Option extends Pick<ParseOption, 'type' | 'multiple' | 'short'> {
  /** What stands for the value in the help. */
  value?: string;
  help: string;
}

/** The options of one call, each asked for as what it is. */
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

  /** One of several words. Which there are is the API's to say, and what to do about another. */
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters
  word<T extends string>(name: string): T | undefined {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    return this.text(name) as T | undefined;
  }

  /** Any number of them. */
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters
  words<T extends string>(name: string): T[] {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    return this.texts(name) as T[];
  }

  isSet(name: string): boolean {
    return this.#values[name] === true;
  }
}
