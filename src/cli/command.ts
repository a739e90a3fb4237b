/** The definition of a CLI command: its words, its options and its action. */
import type { ParseArgsConfig } from 'node:util';
import { missingArgument } from '../domain/text/messages';
import type { ApiClient } from './api-client';
import { UsageError } from './errors';
import type { Output } from './output';

export interface Context {
  api: ApiClient;
  out: Output;
  /** Whether to print the API's responses as JSON. */
  json: boolean;
  options: Options;
  /** One value per name in {@link Command.positionals}, then the optional ones of {@link Command.rest}. */
  positionals: string[];
}

export interface DatabaseContext extends Omit<Context, 'api'> {
  mongodbUri: string;
}

/** A command over the API, or one that works on MongoDB itself, where no API may run yet. */
export type Command = ApiCommand | DatabaseCommand;

interface Description {
  words: string[];
  /** Names of the required arguments, in order, such as `id`. */
  positionals?: string[];
  /** Name of further optional arguments, of which there may be any number. */
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

  /** @throws {UsageError} if the option is missing */
  required(name: string): string {
    const value = this.text(name);
    if (value === undefined) throw new UsageError(missingArgument(`--${name}`));
    return value;
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

  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters
  requiredWords<T extends string>(name: string): T[] {
    const values = this.words<T>(name);
    if (values.length === 0) throw new UsageError(missingArgument(`--${name}`));
    return values;
  }

  isSet(name: string): boolean {
    return this.#values[name] === true;
  }
}
