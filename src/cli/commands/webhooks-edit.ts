/** `evergrant webhooks edit`: changes the URL, the event types or the description of a webhook. */
import { EVENT_TYPES, type EventType } from '../../domain/events/event';
import type { Command } from '../command';
import { UsageError } from '../errors';
import { webhookPairs } from '../webhooks';

export const webhooksEdit: Command = {
  words: ['webhooks', 'edit'],
  positionals: ['id'],
  summary: 'Change the URL, the event types or the description of a webhook',
  options: {
    url: { type: 'string', value: 'url', help: 'new URL' },
    event: {
      type: 'string',
      multiple: true,
      value: 'type',
      choices: EVENT_TYPES,
      help: 'event type to deliver; may be repeated, and replaces the former types',
    },
    description: {
      type: 'string',
      value: 'text',
      help: 'purpose of the webhook; --description= removes it',
    },
    'reconnect-links': {
      type: 'string',
      value: 'yes|no',
      choices: ['yes', 'no'],
      help: 'whether account.needs_reconnect events have a link for the owner',
    },
  },
  async run({ api, out, options, positionals: [id = ''] }) {
    const types = options.words<EventType>('event');
    const description = options.text('description');
    const links = options.text('reconnect-links');
    const json = {
      url: options.text('url'),
      event_types: types.length === 0 ? undefined : types,
      description: description === '' ? null : description,
      include_reconnect_link: links === undefined ? undefined : links === 'yes',
    };
    if (Object.values(json).every((value) => value === undefined))
      throw new UsageError('nothing to change: use at least one option');
    const webhook = await api.ask(({ admin }) =>
      admin.webhooks[':id'].$patch({ param: { id }, json }),
    );
    out.one(webhook, webhookPairs(webhook));
    return 0;
  },
};
