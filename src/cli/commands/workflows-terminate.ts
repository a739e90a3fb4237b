/** `evergrant workflows terminate`: terminates a refresh or a sweep. */
import type { Command } from '../command';

export const workflowsTerminate: Command = {
  words: ['workflows', 'terminate'],
  positionals: ['id'],
  summary: 'Terminate a refresh of an account or, as an operator, a sweep',
  options: {
    reason: {
      type: 'string',
      value: 'text',
      required: true,
      help: 'reason, stored in the history of the workflow (required)',
    },
    run: { type: 'string', value: 'id', help: 'run id (default: the newest run)' },
  },
  more: [
    'acc_… is short for refresh-account/acc_…. The API refuses to terminate a workflow that may hold a refreshed grant',
    'that is not stored yet. Do not use `temporal workflow terminate` instead: it would lose that grant.',
  ].join('\n'),
  async run({ api, out, options, positionals: [id = ''] }) {
    const reason = options.required('reason');
    const workflow_id = id.includes('/') ? id : `refresh-account/${id}`;
    const ended = await api.ask(({ admin }) =>
      admin.workflows[':workflow_id'].terminate.$post({
        param: { workflow_id },
        json: { reason, run_id: options.text('run') },
      }),
    );
    out.done(ended, `Terminated: ${ended.workflow_id} (run ${ended.run_id})`);
    return 0;
  },
};
