/** A connection to Temporal that can be closed while calls are in flight. */
import {
  Connection,
  type ConnectionOptions,
  defaultGrpcRetryOptions,
  makeGrpcRetryInterceptor,
} from '@temporalio/client';

type Interceptor = NonNullable<ConnectionOptions['interceptors']>[number];
type Call = ReturnType<Interceptor>;
type Status = Parameters<ReturnType<typeof defaultGrpcRetryOptions>['retryableDecider']>[1];

/**
 * Opens a connection whose close is safe. Closing fails the calls in flight, and the SDK retries such calls on the
 * closed channel, which throws outside any caller and would crash the process. So nothing is retried once closing has
 * begun, and a pending retry ends with the status that caused it.
 */
export async function openConnection(options: ConnectionOptions): Promise<Connection> {
  const retries = defaultGrpcRetryOptions();
  let isClosing = false;
  let lastRetried: Status | null = null;
  const endWaitingRetries: Interceptor = (callOptions, nextCall) =>
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- gRPC asks for its class and uses its interface
    isClosing && lastRetried !== null ? endedCall(lastRetried) : (nextCall(callOptions) as Call);
  const connection = await Connection.connect({
    ...options,
    interceptors: [
      makeGrpcRetryInterceptor({
        ...retries,
        retryableDecider: (attempt, status) => {
          const retried = !isClosing && retries.retryableDecider(attempt, status);
          if (retried) lastRetried = status;
          return retried;
        },
      }),
      endWaitingRetries,
    ],
  });
  const close = connection.close.bind(connection);
  return Object.assign(connection, {
    close: () => {
      isClosing = true;
      return close();
    },
  });
}

/** A call that sends nothing and ends with the given status. gRPC's own class can only wrap a call of the channel. */
function endedCall(status: Status): Call {
  const call: Partial<Call> = {
    // gRPC ends every call with a message, which is empty if the call failed.
    start: (_metadata, listener) =>
      void setImmediate(() => {
        listener?.onReceiveMessage?.(null);
        listener?.onReceiveStatus?.(status);
      }),
    sendMessage: () => undefined,
    halfClose: () => undefined,
    cancelWithStatus: () => undefined,
  };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the SDK's retry uses these members and no other
  return call as Call;
}
