/** The consent page of the sandbox: choose a shop or user, fewer scopes, approve or decline. Works without scripts. */

export interface ConsentPage {
  /** The name of the provider. */
  provider: string;
  clientId: string;
  /** Subjects to choose from, the preselected one first. */
  subjects: readonly string[];
  scopes: readonly string[];
  /** The authorization request, sent again with the decision. */
  request: URLSearchParams;
}

export function consentPage({
  provider,
  clientId,
  subjects,
  scopes,
  request,
}: ConsentPage): string {
  const hidden = [...request].map(
    ([name, value]) => `<input type="hidden" name="${escaped(name)}" value="${escaped(value)}">`,
  );
  const options = subjects.map((subject, at) => {
    const checked = at === 0 ? ' checked' : '';
    const value = escaped(subject);
    return `<label><input type="radio" name="subject" value="${value}"${checked}> ${value}</label>`;
  });
  const boxes = scopes.map((scope) => {
    const value = escaped(scope);
    return `<label><input type="checkbox" name="granted" value="${value}" checked> ${value}</label>`;
  });
  return page(
    `Sandbox of ${escaped(provider)}`,
    `<p>${escaped(clientId)} asks for access to an account. This sandbox simulates ${escaped(provider)}; no real account is involved.</p>
<form method="post">
${hidden.join('\n')}
<fieldset><legend>Account</legend>${options.join('')}
<label>Another account <input name="other" autocomplete="off"></label></fieldset>
<fieldset><legend>Access</legend>${boxes.join('') || 'No scopes were requested.'}</fieldset>
<button name="decision" value="approve">Approve</button>
<button name="decision" value="decline">Decline</button>
</form>`,
  );
}

export function refusalPage(reason: string): string {
  return page('The sandbox refused this request', `<p>${escaped(reason)}</p>`);
}

function page(title: string, content: string): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<link rel="icon" href="data:,">
<title>${title}</title>
<style>body{font:1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:3rem auto;padding:0 1rem;color:#1d2733;background:#fff}
fieldset{border:1px solid #8793a1;border-radius:.5rem;margin:0 0 1rem}label{display:block;padding:.25rem 0;overflow-wrap:anywhere}
button{font:inherit;padding:.5rem 1.25rem;margin-right:.5rem}</style></head>
<body><main><h1>${title}</h1>
${content}
</main></body></html>`;
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
