/** The types that every page shares. */
import type { HttpBindings } from '@hono/node-server';
import type { Context, Hono } from 'hono';
import type { Principal } from '../domain/access/principal';

export interface UiEnv {
  Bindings: HttpBindings;
  /** `session` is set for all paths under /admin, and `logo` by consent pages that show one. */
  Variables: {
    requestId: string;
    session: Session;
    /** Set once the request is known to come from a page of Evergrant or directly from a person. */
    isOwnRequest?: true;
    logo?: URL;
    /** The report on the action before this page. */
    done: Done | null;
    /** The id of an object that a form created, for the audit. */
    createdId: string;
  };
}

export type UiApp = Hono<UiEnv>;

export type UiContext = Context<UiEnv>;

export interface Session extends Principal {
  /** Not secret: admins see it and end the session by it. */
  id: string;
  expiresAt: Date;
}

/** The report on a finished action. */
export interface Done {
  text: string;
  /** Likely mistakes. */
  warnings?: string[] | undefined;
  /** The form that undoes the action. */
  undo?: { action: string; fields?: Record<string, string> | undefined } | undefined;
}
