// The terminal: entries put where they belong as they come, pause, copy, and keys.
'use strict';
/* oxlint-disable unicorn/consistent-function-scoping -- the file is joined with others: nothing of it may be global */

(() => {
  const terminal = () => document.getElementById('terminal');
  const entries = () => terminal()?.querySelector('.entries');
  const say = (text) => {
    document.getElementById('terminal-said').textContent = text;
  };

  // Live. While paused, what comes waits here; the connection stays, and so nothing is lost.

  const LIST_MAX = 50;

  // By terminal: one that is loaded anew, filtered otherwise, has its own.
  const waitingIn = new WeakMap();
  const isPaused = () => terminal()?.dataset.paused !== undefined;

  function place(html) {
    const template = document.createElement('template');
    template.innerHTML = html;
    const entry = template.content.firstElementChild;
    // It may have been in the list already that the page came with.
    if (document.getElementById(entry.id) !== null) return;
    const all = entries().getElementsByClassName('entry');
    let newer = 0;
    while (newer < all.length && isNewer(all[newer], entry)) newer += 1;
    if (newer === 0) newestList().prepend(entry);
    else all[newer - 1].after(entry);
    terminal().querySelector('.empty')?.remove();
  }

  // What comes all day must not make the first list long: what is out of sight is left out list by list.
  function newestList() {
    const first = entries().firstElementChild;
    if (first.childElementCount < LIST_MAX) return first;
    const list = document.createElement('ol');
    first.before(list);
    return list;
  }

  function isNewer(one, other) {
    const { at } = one.dataset;
    return at === other.dataset.at ? one.id > other.id : at > other.dataset.at;
  }

  addEventListener('entry', ({ detail, target }) => {
    if (target !== entries()) return;
    if (isPaused()) {
      const waiting = waitingIn.get(terminal());
      waiting.push(detail.data);
      document.getElementById('terminal-waiting').textContent = `${waiting.length} new`;
    } else place(detail.data);
  });

  addEventListener('left-out', ({ detail, target }) => {
    if (target === entries()) document.getElementById('terminal-left-out').innerHTML = detail.data;
  });

  function pause(button) {
    const { dataset } = terminal();
    if (isPaused()) {
      delete dataset.paused;
      for (const html of waitingIn.get(terminal())) place(html);
      document.getElementById('terminal-waiting').textContent = '';
    } else {
      dataset.paused = '';
      waitingIn.set(terminal(), []);
    }
    button.textContent = isPaused() ? 'Resume' : 'Pause';
  }

  // Copying: what is shown and as it is folded, as text. Relative times are left out: they are wrong once pasted.

  function asText(entry) {
    const line = [...entry.querySelector('.line').children]
      .filter(({ tagName }) => tagName !== 'TIME')
      .map(({ textContent }) => textContent);
    const folds = [...entry.querySelectorAll('details')].flatMap((one) => [
      `  ${one.open ? '▾' : '▸'} ${one.querySelector('summary').textContent}`,
      ...(one.open ? indented(one.querySelector('pre').textContent) : []),
    ]);
    return [line.join('  '), `  ${entry.querySelector('p').textContent}`, ...folds].join('\n');
  }

  const indented = (text) => text.split('\n').map((line) => `      ${line}`.trimEnd());

  async function copy() {
    const shown = [...entries().querySelectorAll('.entry')];
    const count = shown.length === 1 ? '1 entry' : `${shown.length} entries`;
    try {
      await navigator.clipboard.writeText(`${shown.map(asText).join('\n\n')}\n`);
      say(`Copied ${count}.`);
    } catch {
      say('The browser does not let this page copy: it does so over https, and on this machine.');
    }
  }

  addEventListener('click', ({ target }) => {
    const button = target.closest?.('#terminal [data-do]');
    if (button?.dataset.do === 'pause') pause(button);
    if (button?.dataset.do === 'copy') void copy();
  });

  // Filters take effect when they are chosen, and leave nothing empty in the address.

  addEventListener('change', ({ target }) => {
    if (target.matches('#terminal .filters select')) target.form.requestSubmit();
    if (target.id === 'terminal-single-keys') localStorage.setItem(SINGLE_KEYS, target.checked);
  });
  addEventListener('formdata', ({ target, formData }) => {
    if (!target.matches('#terminal .filters')) return;
    const empty = [...formData].filter(([, value]) => value === '');
    for (const [name] of empty) formData.delete(name);
  });

  // Keys. Single ones can be switched off: whoever speaks to the computer types them unawares (WCAG 2.1.4).

  const SINGLE_KEYS = 'terminal-single-keys';
  const singleKeys = () => localStorage.getItem(SINGLE_KEYS) !== 'false';

  function showKeys() {
    document.getElementById('terminal-single-keys').checked = singleKeys();
    document.getElementById('terminal-keys').showModal();
  }

  function step(by) {
    const all = [...entries().getElementsByClassName('entry')];
    const next = all[all.indexOf(document.activeElement.closest('.entry')) + by];
    next?.focus();
    return next !== undefined;
  }

  function fold(entry) {
    const folds = [...entry.querySelectorAll('details')];
    const open = folds.some((one) => !one.open);
    for (const one of folds) one.open = open;
    return true;
  }

  function act({ key, target }) {
    if (key === 'ArrowDown') return step(1);
    if (key === 'ArrowUp') return step(-1);
    if (key === 'Enter') return target.matches('.entry') && fold(target);
    if (!singleKeys()) return false;
    if (key === 'p') terminal().querySelector('[data-do="pause"]')?.click();
    else if (key === '/') terminal().querySelector('[name="text"]').focus();
    else if (key === '?') showKeys();
    else return false;
    return true;
  }

  addEventListener('keydown', (event) => {
    if (entries() === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    const { target } = event;
    if (target.matches('input, select, textarea') || target.closest('#terminal-keys')) return;
    // A dialog that has no terminal in it has its own keys.
    const dialog = document.querySelector('dialog[open]');
    if (dialog !== null && !dialog.contains(terminal())) return;
    if (act(event)) event.preventDefault();
  });

  // A closed dialog follows nothing. Events of dialogs do not bubble.
  addEventListener(
    'close',
    ({ target }) => {
      if (target.id !== 'terminal-dialog') return;
      const body = document.getElementById('terminal-dialog-body');
      htmx.swap({ sourceElement: body, target: body, text: '', swap: 'innerHTML' });
    },
    true,
  );
})();
