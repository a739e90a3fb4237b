/** The exchange of one attempt, masked as in its log entry. */
import type { LogEntry } from '../../domain/logs/log-entry';

export function Exchange({ entry: { request, response } }: { entry: LogEntry }) {
  return (
    <div class="columns">
      <section class="card" aria-labelledby="request-title">
        <h2 id="request-title">Request</h2>
        {request === null ? (
          <p class="muted">No request was sent.</p>
        ) : (
          <>
            <p class="line">
              <strong>{request.method}</strong> <code>{request.url}</code>
            </p>
            {request.body === undefined && (
              <Members title="Body" members={{ refresh_token: request.refresh_token }} />
            )}
            <Members title="Headers" members={request.headers} />
            <Members title="Body" members={request.body} />
          </>
        )}
      </section>
      <section class="card" aria-labelledby="response-title">
        <h2 id="response-title">Response</h2>
        {response === null ? (
          <p class="muted">No response was received.</p>
        ) : (
          <>
            <p class="line">
              <strong>{response.status}</strong> after {response.duration_ms} ms
            </p>
            <Members title="Headers" members={response.headers} />
            <Body body={response.body} />
          </>
        )}
      </section>
    </div>
  );
}

function Body({ body }: { body: unknown }) {
  if (body === undefined) return null;
  if (typeof body === 'object' && body !== null)
    return <Members title="Body" members={{ ...body }} />;
  return (
    <>
      <h3>Body</h3>
      <p class="line">
        <code>{body === '' ? '(empty)' : text(body)}</code>
      </p>
    </>
  );
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function Members({ title, members }: { title: string; members: object | undefined }) {
  if (members === undefined) return null;
  return (
    <>
      <h3>{title}</h3>
      <dl class="members">
        {Object.entries(members).map(([name, value]: [string, unknown]) => (
          <>
            <dt>{name}</dt>
            <dd>{text(value)}</dd>
          </>
        ))}
      </dl>
    </>
  );
}
