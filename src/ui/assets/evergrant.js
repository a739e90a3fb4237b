// Shows times as the person prefers and the state of the live connection, leaves the page when the session ends, and copies texts.
'use strict';
/* oxlint-disable unicorn/consistent-function-scoping -- the file is concatenated with others, so nothing in it may be global */

(() => {
  const UNITS = [
    ['d', 86_400],
    ['h', 3_600],
    ['min', 60],
    ['s', 1],
  ];

  function relative(at) {
    const seconds = Math.round((at - Date.now()) / 1000);
    if (seconds === 0) return 'now';
    const distance = duration(withoutNoise(Math.abs(seconds)));
    return seconds > 0 ? `in ${distance}` : `${distance} ago`;
  }

  // Seconds that count down in each row of a list distract, and change the widths of its columns.
  const PRECISE_S = 600;
  const withoutNoise = (seconds) => (seconds < PRECISE_S ? seconds : Math.round(seconds / 60) * 60);

  // As `duration` in src/domain/text/time-text.ts: the two largest units, rounded to the smaller.
  function duration(seconds) {
    const largest = UNITS.findIndex(([, length]) => seconds >= length);
    const [, smaller] = UNITS[largest + 1] ?? UNITS[largest];
    let rest = Math.round(seconds / smaller) * smaller;
    const parts = [];
    for (const [unit, length] of UNITS) {
      const count = Math.floor(rest / length);
      rest -= count * length;
      if (count > 0) parts.push(`${count} ${unit}`);
    }
    return parts.join(' ');
  }

  const two = (number, digits = 2) => String(number).padStart(digits, '0');

  function local(at, precise) {
    const time = new Date(at);
    const day = [time.getFullYear(), two(time.getMonth() + 1), two(time.getDate())].join('-');
    const clock = [time.getHours(), time.getMinutes(), time.getSeconds()].map((part) => two(part));
    return `${day} ${clock.join(':')}${precise ? `.${two(time.getMilliseconds(), 3)}` : ''}`;
  }

  const MONTHS = [
    'Jan',
    'Feb',
    'Mar',
    'Apr',
    'May',
    'Jun',
    'Jul',
    'Aug',
    'Sep',
    'Oct',
    'Nov',
    'Dec',
  ];

  // In a list, a time has one line: the year replaces the seconds if it is another one, and the zone is that of the switch.
  function inList(absolute) {
    const [date, clock] = absolute.split(' ');
    const [year, month, day] = date.split('-');
    const isThisYear = Number(year) === new Date().getFullYear();
    return `${MONTHS[month - 1]} ${Number(day)} ${isThisYear ? clock : `${year} ${clock.slice(0, 5)}`}`;
  }

  // The server writes times in UTC. The title has the forms that are not shown.
  function updateTimes() {
    const { times } = document.documentElement.dataset;
    for (const time of document.querySelectorAll('time[data-relative]')) {
      const at = Date.parse(time.dateTime);
      // Log entries show milliseconds, to tell entries of the same second apart.
      const precise = time.dataset.precise !== undefined;
      const utc = `${time.dateTime.slice(0, precise ? 23 : 19).replace('T', ' ')} UTC`;
      const here = local(at, precise);
      const absolute = times === 'local' ? here : utc;
      const isListed = time.closest('table.list') !== null;
      const text = times === 'relative' ? relative(at) : isListed ? inList(absolute) : absolute;
      if (time.textContent !== text) time.textContent = text;
      const title = times === 'utc' ? `${here} local time` : `${here} local time, ${utc}`;
      if (time.title !== title) time.title = title;
    }
  }

  // A mutation observer runs before the browser paints, so that a swap does not flash the absolute time.
  const observer = new MutationObserver(updateTimes);
  addEventListener('DOMContentLoaded', () => {
    updateTimes();
    // On phones, the navigation is a line that scrolls sideways.
    const pages = document.querySelector('.pages');
    const here = pages?.querySelector('[aria-current]');
    if (here) pages.scrollLeft = here.offsetLeft - (pages.clientWidth - here.offsetWidth) / 2;
    setInterval(updateTimes, 1_000);
    observer.observe(document.getElementById('main'), {
      childList: true,
      characterData: true,
      subtree: true,
    });
  });

  const STATES = {
    live: 'Live',
    lost: 'Connection lost. Retrying …',
    failed: 'No live updates. Reload the page.',
    trouble: 'May be out of date',
  };

  function showState(state, sentence) {
    const shown = document.getElementById('live');
    if (shown === null) return;
    shown.dataset.state = state;
    shown.textContent = sentence || STATES[state];
  }

  addEventListener('htmx:sse:after:connection', () => showState('live'));
  addEventListener('trouble', ({ detail }) =>
    showState(detail.data ? 'trouble' : 'live', detail.data),
  );
  // A stream that fails before its first event is an ordinary failed request, which htmx does not retry.
  for (const failure of ['htmx:error', 'htmx:response:error']) {
    addEventListener(failure, ({ target }) => {
      if (target instanceof Element && target.hasAttribute('hx-sse:connect')) showState('failed');
    });
  }
  // After the response to an action, the dialog closes and its fields are cleared. The page shows the result. A refusal is
  // shown in the dialog, which keeps what was typed. Filter forms in dialogs use GET and keep their dialog open.
  addEventListener('htmx:after:request', ({ target, detail: { ctx } }) => {
    const acts = target instanceof HTMLFormElement && target.method === 'post';
    const dialog = acts && target.closest('dialog');
    if (!dialog) return;
    const isRefused = ctx.response.status >= 400;
    const problem = target.querySelector('.form-problem');
    for (const field of target.querySelectorAll('input:not([type="hidden"])'))
      field.setAttribute('aria-invalid', String(isRefused));
    problem?.replaceChildren();
    if (isRefused && problem !== null) {
      delete ctx.hx.retarget;
      ctx.target = problem;
      return;
    }
    target.reset();
    dialog.close();
  });

  // An action while Evergrant is unreachable says so beside its button, and the page keeps what was typed.

  const REACHED_WITHIN_MS = 10_000;
  const UNREACHABLE =
    'Evergrant is unreachable, so nothing was sent. Check that it is running, then try again.';
  const NO_RESPONSE =
    'Evergrant did not respond, so it is unknown whether it acted. Check that it is running, look at the state, then try again.';

  function showProblem(form, text) {
    let problem = form.querySelector('.form-problem');
    if (problem === null) {
      problem = document.createElement('div');
      problem.className = 'form-problem';
      form.prepend(problem);
    }
    const notice = document.createElement('p');
    notice.className = 'notice bad';
    notice.setAttribute('role', 'alert');
    notice.textContent = text;
    problem.replaceChildren(notice);
  }

  addEventListener('htmx:error', ({ target }) => {
    if (target instanceof HTMLFormElement && target.method === 'post')
      showProblem(target, NO_RESPONSE);
  });

  // The browser would leave the page for its own error page. The pages of a consent allow no such request.
  const asking = new WeakSet();
  const reached = new WeakSet();

  async function submitIfReached(form, submitter) {
    if (asking.has(form)) return;
    asking.add(form);
    try {
      const signal = AbortSignal.timeout(REACHED_WITHIN_MS);
      await fetch('/healthz', { cache: 'no-store', signal });
    } catch {
      showProblem(form, UNREACHABLE);
      return;
    } finally {
      asking.delete(form);
    }
    reached.add(form);
    form.requestSubmit(submitter?.isConnected ? submitter : undefined);
  }

  addEventListener('submit', (event) => {
    const { target: form, submitter, defaultPrevented } = event;
    const isPlain = form.method === 'post' && !form.hasAttribute('hx-post') && !defaultPrevented;
    const isAction =
      document.body.classList.contains('with-navigation') && !form.matches('.preferences');
    if (!isPlain || !isAction || reached.delete(form)) return;
    event.preventDefault();
    void submitIfReached(form, submitter);
  });

  // A file may be dropped on its field.
  for (const event of ['dragover', 'drop'])
    addEventListener(event, (dropped) => {
      const input = dropped.target.closest?.('.drop')?.querySelector('input[type="file"]');
      if (!input) return;
      dropped.preventDefault();
      if (event === 'drop') input.files = dropped.dataTransfer.files;
    });

  addEventListener('htmx:sse:error', ({ detail }) => {
    showState('lost');
    // The session has ended. Reloading redirects to the sign-in page, which leads back here.
    if (detail.status === 401) location.reload();
  });

  // Lists: the filters show how many values are chosen, and a row is selected by its checkbox.

  function showChosen(details) {
    const filled = [...details.querySelectorAll('input')].filter((input) =>
      input.matches('[type=checkbox], [type=radio]') ? input.checked && input.value : input.value,
    );
    const { defaults } = details.dataset;
    const isDefault = filled.map(({ value }) => value).join(' ') === (defaults ?? '');
    details.querySelector('.chosen').textContent = isDefault ? '' : ` (${filled.length})`;
  }

  function showSelected() {
    const shown = document.querySelector('[data-selected]');
    if (shown === null) return;
    const boxes = document.querySelectorAll('#list input[name="id"]').length;
    const count = document.querySelectorAll('#list input[name="id"]:checked').length;
    const all = document.querySelector('#list [data-do="select-all"]');
    if (all !== null) {
      all.checked = count > 0 && count === boxes;
      all.indeterminate = count > 0 && count < boxes;
    }
    const accounts = count === 1 ? '1 selected account' : `${count} selected accounts`;
    shown.textContent = count === 0 ? 'the selected accounts' : accounts;
  }

  addEventListener('change', ({ target }) => {
    const details = target.closest('details.many');
    if (details !== null) showChosen(details);
    if (target.dataset.do === 'select-all')
      for (const box of document.querySelectorAll('#list input[name="id"]'))
        box.checked = target.checked;
    if (target.closest('#list') !== null) showSelected();
  });

  // A filter form leaves out the fields that are not set, and the choices that a list has anyway, so that the address is short.
  addEventListener('formdata', ({ target, formData }) => {
    if (!target.matches('.filters')) return;
    for (const { dataset } of target.querySelectorAll('[data-defaults]')) {
      const chosen = formData.getAll(dataset.name).map(String);
      if (chosen.join(' ') === dataset.defaults) formData.delete(dataset.name);
    }
    const empty = [...formData].filter(([, value]) => value === '');
    for (const [name] of empty) formData.delete(name);
  });

  // Copy buttons.

  const COPIED_MS = 2_000;

  function announce(text) {
    const region = document.getElementById('announced');
    // The same text again is announced only if it was removed before.
    region.textContent = '';
    requestAnimationFrame(() => (region.textContent = text));
  }

  // Browsers offer the clipboard only to pages from HTTPS or from this machine. Elsewhere the text is selected.
  async function copy(button) {
    let said = 'Copied';
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
    } catch {
      const text = button.parentElement.querySelector('code, pre');
      if (text !== null) getSelection().selectAllChildren(text);
      said =
        text === null
          ? 'The browser blocked copying. Open Evergrant over HTTPS or on localhost.'
          : 'Selected: press Ctrl-C';
    }
    announce(said);
    button.classList.add('copied');
    const label = button.textContent;
    if (label !== '') button.textContent = said;
    setTimeout(() => {
      button.classList.remove('copied');
      if (button.textContent === said) button.textContent = label;
    }, COPIED_MS);
  }

  addEventListener('click', ({ target }) => {
    const button = target.closest?.('[data-copy]');
    if (button) void copy(button);
  });

  // The search dialog.

  // The terminal has `/` for its own filter, and its switch for shortcuts of one key applies here, too (WCAG 2.1.4).
  const isSlash = ({ key, ctrlKey, metaKey, altKey, target }) =>
    key === '/' &&
    !(ctrlKey || metaKey || altKey) &&
    !target.closest?.('input, textarea, select, [contenteditable], dialog') &&
    document.getElementById('terminal') === null &&
    localStorage.getItem('terminal-single-keys') !== 'false';
  const isControlK = ({ key, ctrlKey, metaKey }) => key === 'k' && ctrlKey !== metaKey;

  function openSearch(event) {
    const dialog = document.getElementById('search');
    if (dialog === null) return;
    event.preventDefault();
    if (!dialog.open) dialog.showModal();
    document.getElementById('search-text').select();
  }

  // From the field through the results, and back.
  function stepThroughResults(event, by) {
    const dialog = event.target.closest('#search');
    if (dialog === null) return;
    const stops = [document.getElementById('search-text'), ...dialog.querySelectorAll('li a')];
    const at = stops.indexOf(event.target.closest('a, input'));
    const next = at < 0 ? undefined : stops[at + by];
    if (next === undefined) return;
    event.preventDefault();
    next.focus();
  }

  addEventListener('click', (event) => {
    const { ctrlKey, metaKey, shiftKey } = event;
    if (ctrlKey || metaKey || shiftKey) return;
    if (event.target.closest?.('[data-do="search"]')) openSearch(event);
  });
  addEventListener('keydown', (event) => {
    if (isSlash(event) || isControlK(event)) openSearch(event);
    // Otherwise, the first press only empties the field.
    if (event.key === 'Escape') event.target.closest('#search')?.close();
    if (event.key === 'ArrowDown') stepThroughResults(event, 1);
    if (event.key === 'ArrowUp') stepThroughResults(event, -1);
  });

  // A menu of filters closes when a person clicks or moves the focus elsewhere, or presses Escape.
  const openMenus = () => document.querySelectorAll('details.many[open]');
  for (const event of ['pointerdown', 'focusin'])
    addEventListener(event, ({ target }) => {
      for (const menu of openMenus()) if (!menu.contains(target)) menu.open = false;
    });
  addEventListener('keydown', (event) => {
    const { key, target } = event;
    // Enter selects, as Space does. Without this, it would send the form of the action.
    if (key === 'Enter' && target.matches('#list .select input')) {
      event.preventDefault();
      target.click();
    }
    if (key !== 'Escape') return;
    for (const menu of openMenus()) {
      menu.open = false;
      menu.querySelector('summary').focus();
    }
  });
})();
