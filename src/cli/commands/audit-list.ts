/** `evergrant audit list`: lists the audit of actions, newest first. */
import { noneYet } from '../../domain/text/messages';
import type { Command } from '../command';
import { time } from '../output';
import { limitOf, limitOption, pages, remarkMore } from '../pages';

const PAGE_MAX = 500;

export const auditList: Command = {
  words: ['audit', 'list'],
  summary: 'List the audit entries of your organisation, newest first',
  options: {
    operator: { type: 'boolean', help: "list the operators' actions instead" },
    limit: limitOption,
  },
  async run({ api, out, json, options }) {
    const chain = options.isSet('operator') ? 'operator' : 'organisation';
    const page = await pages(
      { limit: limitOf(options), pageMax: PAGE_MAX },
      ({ limit, cursor: before }) =>
        api.ask(({ admin }) => admin.audit.$get({ query: { chain, limit, before } })),
    );
    if (json) out.json(page);
    else {
      out.table(
        ['entry', 'at', 'actor', 'organisation', 'action', 'details'],
        page.items.map(({ sequence, at, actor, action, details }) => {
          const { organisation, ...rest } = details;
          return [
            sequence,
            time(at),
            actor,
            typeof organisation === 'string' ? organisation : null,
            action,
            JSON.stringify(rest),
          ];
        }),
        noneYet('audit entries'),
      );
      remarkMore(out, page);
    }
    return 0;
  },
};
