/** Admin → Providers: the facts of one provider file, each with its sources, and an entry for `providers.yaml`. */
import type { CatalogueDetails } from '../../services/catalogue/catalogue';
import { Badge } from '../parts/badge';
import { CopyButton } from '../parts/copy';

export const PROVIDERS_PATH = '/admin/providers';

export function providerPath(id: string): string {
  return `${PROVIDERS_PATH}/${encodeURIComponent(id)}`;
}

interface ProviderPageProps {
  details: CatalogueDetails;
  configuredAs: readonly string[];
}

export function ProviderPage({ details, configuredAs }: ProviderPageProps) {
  const { id, checked, docs, notes, groups, unknown, example } = details;
  return (
    <>
      <section class="card" aria-label="Provider">
        <dl class="facts">
          <dt>Id</dt>
          <dd>
            <code>{id}</code>
          </dd>
          <dt>Entries of providers.yaml</dt>
          <dd>
            {configuredAs.length === 0 ? (
              <span class="muted">none</span>
            ) : (
              configuredAs.map((entry) => <Badge tone="good">{entry}</Badge>)
            )}
          </dd>
          <dt>Facts checked</dt>
          <dd>{checked}</dd>
          <dt>Documentation</dt>
          <dd>
            <Source url={docs} text={docs} />
          </dd>
          <dt>Without a source</dt>
          <dd>{unknown.length === 0 ? 'no field' : unknown.join(', ')}</dd>
        </dl>
        {notes !== null && <p>{notes}</p>}
      </section>
      <div id="provider-facts">
        {groups.map(({ title, facts }, at) => (
          <section aria-labelledby={`facts-${at}`}>
            <h2 id={`facts-${at}`}>{title}</h2>
            <table class="rows">
              <thead>
                <tr>
                  <th scope="col">Fact</th>
                  <th scope="col">Value</th>
                  <th scope="col">Sources</th>
                </tr>
              </thead>
              <tbody>
                {facts.map((fact) => (
                  <tr>
                    <th scope="row">{fact.title}</th>
                    <td data-label="Value">
                      {fact.value ?? <span class="muted">unknown</span>}
                      {fact.value !== null && fact.is_unknown && (
                        <>
                          {' '}
                          <Badge tone="warn">assumption</Badge>
                        </>
                      )}
                    </td>
                    <td data-label="Sources">
                      {fact.sources.length === 0 && '–'}
                      {fact.sources.map((url, index) => (
                        <>
                          {index > 0 && ', '}
                          <Source url={url} text={nameOf(url)} />
                        </>
                      ))}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </section>
        ))}
      </div>
      <section aria-labelledby="entry-title">
        <h2 id="entry-title">Entry for providers.yaml</h2>
        <div class="commands">
          <div class="command">
            <pre>{example}</pre>
            <CopyButton text={example} of="the entry" />
          </div>
        </div>
      </section>
    </>
  );
}

/** A file of an operator may name any URL, but a link leads only to web pages. */
function Source({ url, text }: { url: string; text: string }) {
  return /^https?:\/\//.test(url) ? (
    <a href={url} rel="noreferrer" title={url}>
      {text}
    </a>
  ) : (
    <>{text}</>
  );
}

/** The host and the last part of the path: several sources of a fact are often pages of one host. */
function nameOf(url: string): string {
  if (!URL.canParse(url)) return url;
  const { host, pathname } = new URL(url);
  const page = pathname.split('/').findLast((part) => part !== '');
  return page === undefined ? host : `${host} … ${page}`;
}
