/** The dependencies of pages: all that the API's routes have, and the sessions. */
import type { ApiDocument } from '../api/openapi/document';
import type { ApiDependencies } from '../http/dependencies';
import type { OpenStreams } from '../http/open-streams';
import type { Authenticator } from '../services/access/authenticator';
import type { LogTail } from '../services/logs/log-tail';
import type { StatisticsReader } from '../services/overview/statistics';
import type { Sessions } from './sessions';

export interface UiDependencies extends ApiDependencies {
  authenticator: Authenticator;
  document: () => ApiDocument;
  logTail: LogTail;
  sessions: Sessions;
  statistics: StatisticsReader;
  streams: OpenStreams;
}
