/** Waits for work with a time limit. */
import { ServiceError } from '../domain/service-error';

/**
 * Waits for the work. After `waitMs` it rejects; the work continues.
 * @throws {ServiceError} `still_running`, with `sentence` as message
 */
export async function within<T>(waitMs: number, work: Promise<T>, sentence: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new ServiceError('still_running', sentence)), waitMs);
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
  }
}
