/** The types that every page shares. */
import type { HttpBindings } from '@hono/node-server';
import type { Context, Hono } from 'hono';
import type { Principal } from '../domain/access/principal';

export interface UiEnv {
  Bindings: HttpBindings;
  /** `session` is set for all paths under /admin, and `logo` by consent pages that show one. */
  Variables: { requestId: string; session: Session; logo?: URL };
}

export type UiApp = Hono<UiEnv>;

export type UiContext = Context<UiEnv>;

export interface Session extends Principal {
  /** Not secret: admins see it and end the session by it. */
  id: string;
  expiresAt: Date;
}
