/** The sign-in page. */
import { Notice } from '../parts/notice';

export interface SignInProps {
  next: string;
  problem: string | null;
  /** Whether an OpenID provider is configured. */
  oidc: boolean;
}

export function SignIn({ next, problem, oidc }: SignInProps) {
  return (
    <div class="sign-in">
      {problem !== null && <Notice kind="bad">{problem}</Notice>}
      <form method="post" action="/sign-in">
        <input type="hidden" name="next" value={next} />
        <label for="key">API key or JWT</label>
        <input
          id="key"
          name="key"
          type="password"
          autocomplete="current-password"
          spellcheck={false}
          required
          autofocus
          aria-describedby="key-hint"
          {...(problem === null ? {} : { 'aria-invalid': 'true' })}
        />
        <p id="key-hint" class="muted">
          The scope <code>read</code> shows the pages, <code>admin</code> allows actions on
          accounts, and <code>operator</code> allows actions on schedules. The first start prints an
          admin key; <code>evergrant keys create</code> creates others.
        </p>
        <button class="primary">Sign in</button>
      </form>
      {oidc && (
        <a class="button" href={`/sign-in/oidc?next=${encodeURIComponent(next)}`}>
          Sign in with your organisation’s account
        </a>
      )}
    </div>
  );
}
