/** Waiting with an end. */
import { ApiError } from './errors';

/**
 * Waits so long and no longer; the work itself goes on.
 * @throws {ApiError} `still_running` with the sentence given
 */
export async function within<T>(waitMs: number, work: Promise<T>, sentence: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new ApiError('still_running', sentence)), waitMs);
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
  }
}
