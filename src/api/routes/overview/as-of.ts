/** When counts were made, in API responses. */
import { z } from '@hono/zod-openapi';
import { COUNTED_AT_ONCE_MAX } from '../../../store/mongo/stored-counts';

const MAX = COUNTED_AT_ONCE_MAX.toLocaleString('en');

/** @param counted the things that were counted */
export function asOf(counted: string) {
  return z.iso
    .datetime()
    .nullable()
    .openapi({
      description: `When ${counted} were counted. Up to ${MAX} are counted at this request, and a worker counts more about once a minute. null: there are more, and no worker has counted them in the last day, so the numbers are those of the first ${MAX}. Ask again in a minute`,
    });
}
