/** `evergrant audit list`: lists the audit of actions, newest first. */
import { isFailure } from '../../domain/audit/audit';
import type { Command } from '../command';
import { time } from '../output';
import {
  emptyText,
  limitOf,
  limitOption,
  pages,
  rangeOf,
  rangeOptions,
  showResults,
} from '../pages';

export const auditList: Command = {
  words: ['audit', 'list'],
  summary: 'List the audit entries of your organisation, newest first',
  options: {
    operator: { type: 'boolean', help: "list the operators' actions instead" },
    actor: { type: 'string', value: 'id', help: 'only this actor: an id of a key, or jwt:<sub>' },
    action: {
      type: 'string',
      multiple: true,
      value: 'text',
      help: 'only actions that contain this text, such as "POST" or "/refresh"',
    },
    result: {
      type: 'string',
      value: 'result',
      choices: ['failed'],
      help: 'only actions that were refused or failed',
    },
    ...rangeOptions,
    limit: limitOption,
  },
  async run({ api, out, options }) {
    const chain = options.isSet('operator') ? 'operator' : 'organisation';
    const range = rangeOf(options);
    const [wantedActor, wantedActions] = [options.text('actor'), options.filter('action')];
    const wantedResult = options.text('result');
    const filters = { wantedActor, wantedActions, wantedResult, ...range };
    const hasFilter = [wantedActor, wantedActions, wantedResult].some((one) => one !== undefined);
    const found = await pages(
      ({ limit, cursor: before }) =>
        api.ask(({ admin }) => admin.audit.$get({ query: { chain, limit, before } })),
      {
        limit: limitOf(options),
        range,
        at: ({ at }) => at,
        keep: hasFilter
          ? (entry) =>
              (wantedActor === undefined || entry.actor === wantedActor) &&
              (wantedResult === undefined || isFailure(entry)) &&
              (wantedActions === undefined ||
                wantedActions.some((text) => entry.action.includes(text)))
          : undefined,
      },
    );
    showResults(
      out,
      found,
      {
        entry: ({ sequence }) => sequence,
        at: ({ at }) => time(at),
        actor: ({ actor }) => actor,
        organisation: ({ details: { organisation } }) =>
          typeof organisation === 'string' ? organisation : null,
        action: ({ action }) => action,
        details: ({ details: { organisation: _organisation, ...rest } }) => JSON.stringify(rest),
      },
      emptyText('audit entries', filters),
    );
    return 0;
  },
};
