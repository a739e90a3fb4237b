// Keeps relative times current, shows the state of the live connection, and leaves the page when the session ends.
'use strict';

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
    const distance = duration(Math.abs(seconds));
    return seconds > 0 ? `in ${distance}` : `${distance} ago`;
  }

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

  function updateTimes() {
    for (const time of document.querySelectorAll('time[data-relative]')) {
      const text = relative(Date.parse(time.dateTime));
      if (time.textContent !== text) time.textContent = text;
    }
  }

  // A mutation observer runs before the browser paints, so that a swap does not flash the absolute time.
  const observer = new MutationObserver(updateTimes);
  addEventListener('DOMContentLoaded', () => {
    updateTimes();
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
  // After the response to an action, the dialog closes and its fields are cleared. The page shows the result. Filter forms
  // in dialogs use GET and keep their dialog open.
  addEventListener('htmx:after:request', ({ target }) => {
    const acts = target instanceof HTMLFormElement && target.method === 'post';
    const dialog = acts && target.closest('dialog');
    if (!dialog) return;
    target.reset();
    dialog.close();
  });

  addEventListener('htmx:sse:error', ({ detail }) => {
    showState('lost');
    // The session has ended. Reloading redirects to the sign-in page, which leads back here.
    if (detail.status === 401) location.reload();
  });
})();
