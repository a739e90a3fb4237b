/** The types that every route and middleware shares. */
import type { OpenAPIHono } from '@hono/zod-openapi';
import type { Principal } from '../domain/access/principal';

/** The variables of an authenticated request. */
export interface ApiEnv {
  Variables: {
    requestId: string;
    principal: Principal;
    /** When the request arrived. A refresh that finishes later answers the request. */
    askedAt: Date;
  };
}

export type ApiApp = OpenAPIHono<ApiEnv>;
