/** Opens Agenda for the producer and the worker. */
import { MongoBackend } from '@agendajs/mongo-backend';
import { Agenda } from 'agenda';
import type { Setting } from '../side';

export const JOB = 'refresh';
const PROCESS_EVERY_MS = 100;

export async function openAgenda(setting: Setting): Promise<Agenda> {
  const agenda = new Agenda({
    backend: new MongoBackend({ address: setting.mongodbUri }),
    processEvery: PROCESS_EVERY_MS,
    maxConcurrency: setting.concurrency,
    defaultConcurrency: setting.concurrency,
    removeOnComplete: true,
  });
  await agenda.ready;
  return agenda;
}
