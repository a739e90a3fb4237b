/** Builds Commander's tree of commands from ours, with the rules that Commander does not have by default. */
import {
  Command as CommanderCommand,
  Option as CommanderOption,
  type HelpContext,
  InvalidArgumentError,
  type ParseOptionsResult,
} from 'commander';
import { type Command, type Option, Options } from './command';
import { GROUPS } from './command-groups';
import { WrongUsage } from './errors';
import { FORMATS } from './output';

/** The options of every command. */
export const COMMON_OPTIONS: Readonly<Record<string, Option>> = {
  output: {
    type: 'string',
    short: 'o',
    value: 'format',
    choices: FORMATS,
    help: 'format of the result (default: table)',
  },
  json: { type: 'boolean', help: 'short for --output json: print the response of the API' },
};

/** Longest value that an error repeats. A longer value may be a misplaced token. */
const SHOWN_MAX = 20;

const AFTER_HELP = `
"evergrant login" stores the address and the key in a file. These variables take precedence over it:
  EVERGRANT_URL      URL of the API (default: http://127.0.0.1:3000)
  EVERGRANT_API_KEY  API key. The scope "read" shows accounts, "admin" changes them, and "operator" manages
                     what all organisations share: schedules, sweeps and encryption keys.

Exit codes: 0 success, 1 failure, 2 wrong usage`;

/** The called command with its options and arguments. */
export interface Call {
  command: Command;
  options: Options;
  positionals: string[];
}

export interface ProgramSettings {
  version: string;
  /** Prints the help and the version. */
  write: (text: string) => void;
  run: (call: Call) => Promise<void>;
}

/** @throws {WrongUsage} from `parseAsync`, and Commander's error after `--help` and `--version` */
export function createProgram(
  commands: readonly Command[],
  { version, write, run }: ProgramSettings,
): CommanderCommand {
  const program = new StrictCommand('evergrant')
    .description('Keeps OAuth grants alive: accounts, refreshes, schedules, keys and webhooks.')
    .usage('<command> [options]')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show the help of a command')
    .helpCommand('help [command]', 'show the help of a command')
    .addHelpText('after', AFTER_HELP)
    // `sweeps` does not take the options of `sweeps start`.
    .enablePositionalOptions()
    .configureOutput({ writeOut: write, writeErr: () => undefined })
    .exitOverride();
  for (const command of commands) {
    const node = nodeOf(program, command.words)
      .description(command.summary)
      .allowExcessArguments(false);
    for (const name of command.positionals ?? []) node.argument(`<${name}>`);
    if (command.optional !== undefined) node.argument(`[${command.optional}]`);
    if (command.rest !== undefined) node.argument(`[${command.rest}...]`);
    const declared = Object.entries({ ...command.options, ...COMMON_OPTIONS });
    const added = declared.map(([name, option]) => [name, optionOf(name, option)] as const);
    for (const [, option] of added) node.addOption(option);
    if (command.more !== undefined) node.addHelpText('after', `\n${command.more}`);
    node.action(() => {
      const values = added.map(([name, option]) => {
        const value: unknown = node.getOptionValue(option.attributeName());
        return [name, option.negate ? value === false : value] as const;
      });
      if (node.args.includes('')) node.error('an argument is empty');
      const options = new Options(Object.fromEntries(values));
      return run({ command, options, positionals: node.args });
    });
  }
  return program;
}

/** Returns the node of a command, and creates it and the groups above it if they are missing. */
function nodeOf(program: CommanderCommand, words: readonly string[]): CommanderCommand {
  let node = program;
  for (const [at, word] of words.entries()) {
    const found = node.commands.find((one) => one.name() === word);
    node = found ?? node.command(word).helpCommand(false).enablePositionalOptions();
    if (found === undefined && at < words.length - 1) node.description(GROUPS[word] ?? '');
  }
  return node;
}

function optionOf(
  name: string,
  { type, multiple, short, value = 'value', required, choices, help }: Option,
): CommanderOption {
  const flag = `${short === undefined ? '' : `-${short}, `}--${name}`;
  const option = new CommanderOption(type === 'boolean' ? flag : `${flag} <${value}>`, help);
  if (choices !== undefined) option.choices(choices);
  if (required === true) option.makeOptionMandatory();
  if (multiple === true)
    option.argParser((given: string, before: string[] | undefined) => {
      if (choices?.includes(given) === false)
        throw new InvalidArgumentError(`Allowed choices are ${choices.join(', ')}.`);
      return [...(before ?? []), given];
    });
  return option;
}

/** Refuses an option in place of another option's value, and repeats no argument that may be a token. */
class StrictCommand extends CommanderCommand {
  override createCommand(name?: string): StrictCommand {
    return new StrictCommand(name);
  }

  override parseOptions(args: string[]): ParseOptionsResult {
    for (const [at, arg] of args.entries()) {
      if (arg === '--') break;
      const next = args[at + 1] ?? '';
      const option = this.options.find(({ long, short }) => arg === long || arg === short);
      if (option?.required === true && /^-./.test(next))
        this.error(
          `option '${option.flags}' is ambiguous: its value is missing, or begins with "-". For such a value, use '${option.long}=<value>'.`,
        );
    }
    return super.parseOptions(args);
  }

  override help(context?: HelpContext | ((text: string) => string)): never {
    if (typeof context === 'object' && context.error)
      throw new WrongUsage('missing command', pathOf(this), this.helpInformation());
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Commander declares two overloads
    return super.help(context as HelpContext);
  }

  override error(message: string): never {
    throw new WrongUsage(printable(message), pathOf(this));
  }
}

function pathOf(command: CommanderCommand): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;
}

/** Commander's sentence in one line, without `error:` and without a long value. */
function printable(message: string): string {
  return message
    .replace(/^error: /, '')
    .replace(/^(unknown option '--[^=']*)=.*'/s, "$1'")
    .replace(/^(unknown option '-[^-']).+'/s, "$1'")
    .replace(/^unknown command '(.*)'/s, (whole, given: string) =>
      given.length > SHOWN_MAX ? 'unknown command' : whole,
    )
    .replace(/ argument '(.*?)' is invalid/s, (whole, given: string) =>
      given.length > SHOWN_MAX ? ' is invalid' : whole,
    )
    .replaceAll('\n', ' ');
}
