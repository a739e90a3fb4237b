/** What pages work with: all that the API's routes have, and who is signed in. */
import type { HttpBindings } from '@hono/node-server';
import type { Context, Hono } from 'hono';
import type { Authenticator } from '../api/authenticator';
import type { ApiDependencies } from '../api/dependencies';
import type { ApiDocument } from '../api/document';
import type { LogTail } from '../api/log-tail';
import type { StatisticsReader } from '../api/statistics';
import type { Session, Sessions } from './sessions';

export interface UiDependencies extends ApiDependencies {
  authenticator: Authenticator;
  document: () => ApiDocument;
  logTail: LogTail;
  sessions: Sessions;
  statistics: StatisticsReader;
}

export interface UiEnv {
  Bindings: HttpBindings;
  /** `session` is set for whatever is under /admin. */
  Variables: { requestId: string; session: Session };
}

export type UiApp = Hono<UiEnv>;
export type UiContext = Context<UiEnv>;
