/** The consent page and its outcomes, for people who have no account here. One column, no script. */
import { html } from 'hono/html';
import type { Child } from 'hono/jsx';
import type { Language } from '../../domain/text/language';
import type { ConsentInput } from '../../providers/consent/consent';
import { STYLE } from '../assets';
import { markup } from '../markup';
import { Notice } from '../parts/notice';
import type { ConnectTexts } from './connect-texts';

export interface ConnectFrame {
  language: Language;
  title: string;
  organisation: string | null;
  logo: URL | null;
}

/** A whole page without navigation: the person is not signed in. */
export async function connectPage(
  { language, title, organisation, logo }: ConnectFrame,
  content: Child,
): Promise<string> {
  const page = (
    <html lang={language}>
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="robots" content="noindex" />
        <title>{organisation === null ? title : `${title} · ${organisation}`}</title>
        <link rel="icon" href="data:," />
        <link rel="stylesheet" href={STYLE.url} />
      </head>
      <body>
        <header class="top">
          {logo !== null && <img class="logo" src={logo.href} alt="" height="32" />}
          {organisation !== null && <span class="sender">{organisation}</span>}
        </header>
        <main id="main" class="narrow">
          <div class="title">
            <h1>{title}</h1>
          </div>
          {content}
        </main>
      </body>
    </html>
  );
  return markup(html`<!doctype html>${page}`);
}

export interface ConsentProps {
  texts: ConnectTexts;
  organisation: string;
  provider: string;
  /** The account's name; `null`: the person names it. */
  account: string | null;
  scopes: readonly string[];
  inputs: readonly ConsentInput[];
  /** Entered values, and the names of those that are not valid. */
  entered: Readonly<Record<string, string>>;
  invalid: readonly string[];
  /** Why the last attempt failed. */
  problem: string | null;
}

export function ConsentPage(props: ConsentProps) {
  const { texts, organisation, provider, account, scopes, problem } = props;
  return (
    <div class="sign-in">
      {problem !== null && (
        <Notice kind="bad">
          {texts.lastFailure} {problem}
        </Notice>
      )}
      <p>{texts.asks(organisation, provider, account)}</p>
      <section aria-labelledby="scopes">
        <h2 id="scopes">{texts.scopes}</h2>
        {scopes.length === 0 ? (
          <p>{texts.noScopes}</p>
        ) : (
          <ul class="scopes">
            {scopes.map((scope) => (
              <li>
                <code>
                  {scope.split(/(?<=[/.])/).map((part) => (
                    <>
                      {part}
                      <wbr />
                    </>
                  ))}
                </code>
              </li>
            ))}
          </ul>
        )}
      </section>
      {/* Without an action the form goes to the page's own address, so the link is not in the page. */}
      <form method="post" class={props.inputs.length === 0 ? 'bare' : ''}>
        {props.inputs.map((input) => (
          <Field {...props} input={input} />
        ))}
        <button class="primary">{texts.continueTo(provider)}</button>
      </form>
      <p class="muted">{texts.next(provider)}</p>
      <p class="muted">{texts.notSure}</p>
    </div>
  );
}

function Field({ input, texts, entered, invalid }: ConsentProps & { input: ConsentInput }) {
  const { name, label, example } = input;
  const id = `input-${name}`;
  const isInvalid = invalid.includes(name);
  return (
    <>
      <label for={id}>{label}</label>
      <input
        id={id}
        name={name}
        value={entered[name] ?? ''}
        placeholder={example}
        maxlength={200}
        autocapitalize="none"
        spellcheck={false}
        required
        {...(isInvalid
          ? { 'aria-invalid': 'true', 'aria-describedby': `${id}-problem`, autofocus: true }
          : {})}
      />
      {isInvalid && <p id={`${id}-problem`}>{texts.invalidInput(example)}</p>}
    </>
  );
}

export function UnsubscribePage({ texts }: { texts: ConnectTexts }) {
  return (
    <div class="sign-in">
      <p>{texts.unsubscribeText}</p>
      <form method="post">
        <button class="primary">{texts.unsubscribe}</button>
      </form>
    </div>
  );
}

interface OutcomeProps {
  texts: ConnectTexts;
  text: string;
  tone: 'good' | 'bad' | 'plain';
  /** A path that opens the link again. */
  again: string | null;
  returnUrl: string | null;
}

export function OutcomePage({ texts, text, tone, again, returnUrl }: OutcomeProps) {
  return (
    <div class="sign-in">
      {tone === 'plain' ? <p role="status">{text}</p> : <Notice kind={tone}>{text}</Notice>}
      {again !== null && (
        <a class="button primary" href={again}>
          {texts.tryAgain}
        </a>
      )}
      {returnUrl !== null && (
        <a class="button" href={returnUrl}>
          {texts.returnTo}
        </a>
      )}
    </div>
  );
}
