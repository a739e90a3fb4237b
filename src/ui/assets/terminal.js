// The terminal: sorts live entries in, and implements pause, copy and keyboard shortcuts.
'use strict';
/* oxlint-disable unicorn/consistent-function-scoping -- the file is concatenated with others, so nothing in it may be global */

(() => {
  const terminal = () => document.getElementById('terminal');
  const entries = () => terminal()?.querySelector('.entries');
  const notify = (text) => {
    document.getElementById('terminal-notice').textContent = text;
  };

  // Live entries. While paused, new entries wait here. The connection stays open, so none are lost.

  const LIST_MAX = 50;

  // Keyed by terminal, because changing the filters loads a new one.
  const waitingIn = new WeakMap();
  const isPaused = () => terminal()?.dataset.paused !== undefined;

  function place(html) {
    const template = document.createElement('template');
    template.innerHTML = html;
    const entry = template.content.firstElementChild;
    // The page may have been rendered with this entry.
    if (document.getElementById(entry.id) !== null) return;
    const all = entries().getElementsByClassName('entry');
    let newer = 0;
    while (newer < all.length && isNewer(all[newer], entry)) newer += 1;
    if (newer === 0) newestList().prepend(entry);
    else all[newer - 1].after(entry);
    terminal().querySelector('.empty')?.remove();
  }

  // Starts a new list when the first is full, because the browser skips the layout of whole lists that are out of view.
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

  // Copies the entries as shown, collapsed parts as their titles. Times are copied in UTC, because relative ones become
  // outdated.

  function asText(entry) {
    const line = [...entry.querySelector('.line').children].map((part) => {
      const at = part.querySelector('time')?.dateTime;
      return at === undefined ? part.textContent : `${at.slice(0, 23).replace('T', ' ')} UTC`;
    });
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
      notify(`Copied ${count}.`);
    } catch {
      notify('The browser blocked copying. Open Evergrant over HTTPS or on localhost.');
    }
  }

  addEventListener('click', ({ target }) => {
    const button = target.closest?.('#terminal [data-do]');
    if (button?.dataset.do === 'pause') pause(button);
    if (button?.dataset.do === 'copy') void copy();
  });

  addEventListener('change', ({ target }) => {
    if (target.id === 'terminal-single-keys') localStorage.setItem(SINGLE_KEYS, target.checked);
  });

  // Shortcuts. Single-key ones can be turned off, because speech input may trigger them by accident (WCAG 2.1.4).

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
    // Shortcuts do not apply in other dialogs.
    const dialog = document.querySelector('dialog[open]');
    if (dialog !== null && !dialog.contains(terminal())) return;
    if (act(event)) event.preventDefault();
  });

  // Removing the terminal closes its stream. The listener captures, because `close` does not bubble.
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
