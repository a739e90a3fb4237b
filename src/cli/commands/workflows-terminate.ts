/** `evergrant workflows terminate`: terminates a refresh or a sweep. */
import type { Command } from '../command';
import { UsageError } from '../errors';

export const workflowsTerminate: Command = {
  words: ['workflows', 'terminate'],
  places: ['id'],
  summary: 'End a refresh of an account, or, as an operator, a sweep, at once',
  options: {
    reason: { type: 'string', value: 'text', help: 'why; its history keeps it (required)' },
    run: { type: 'string', value: 'id', help: 'this run of it; the newest if left out' },
  },
  more: [
    'acc_… is short for refresh-account/acc_…. It is refused while the workflow holds a grant that the database could',
    'not take yet: that grant is nowhere else, and `temporal workflow terminate` would lose it.',
  ].join('\n'),
  async run({ api, out, json, options, places: [id = ''] }) {
    const reason = options.text('reason');
    if (reason === undefined) throw new UsageError('--reason is required');
    const workflow_id = id.includes('/') ? id : `refresh-account/${id}`;
    const ended = await api.ask(({ admin }) =>
      admin.workflows[':workflow_id'].terminate.$post({
        param: { workflow_id },
        json: { reason, run_id: options.text('run') },
      }),
    );
    if (json) out.json(ended);
    else out.line(`Terminated: ${ended.workflow_id} (run ${ended.run_id})`);
    return 0;
  },
};
