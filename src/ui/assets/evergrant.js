// What HTML and htmx leave to do: relative times that stay true, whether the page is live, and the end of a session.
'use strict';

(() => {
  const UNITS = [
    ['d', 86_400],
    ['h', 3_600],
    ['min', 60],
    ['s', 1],
  ];

  function inWords(at) {
    const seconds = Math.round((at - Date.now()) / 1000);
    if (seconds === 0) return 'now';
    const away = lasting(Math.abs(seconds));
    return seconds > 0 ? `in ${away}` : `${away} ago`;
  }

  // As `duration` in src/domain/text/time-text.ts: the two largest units, rounded to the smaller.
  function lasting(seconds) {
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

  function tellTimes() {
    for (const time of document.querySelectorAll('time[data-relative]')) {
      const text = inWords(Date.parse(time.dateTime));
      if (time.textContent !== text) time.textContent = text;
    }
  }

  // Before anything is painted: a swap must not flash the absolute time.
  const observer = new MutationObserver(tellTimes);
  addEventListener('DOMContentLoaded', () => {
    tellTimes();
    setInterval(tellTimes, 1_000);
    observer.observe(document.getElementById('main'), {
      childList: true,
      characterData: true,
      subtree: true,
    });
  });

  const STATES = {
    live: 'Live',
    lost: 'Connection lost, trying again …',
    failed: 'Not live: reload the page',
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
  // What fails before the first event is a request like any other, and htmx does not repeat it.
  for (const failure of ['htmx:error', 'htmx:response:error']) {
    addEventListener(failure, ({ target }) => {
      if (target instanceof Element && target.hasAttribute('hx-sse:connect')) showState('failed');
    });
  }
  // A dialog that asks before something is done is over when its form was answered: what came of it is said on the page,
  // and what was typed is gone. A form that only filters what the dialog shows has nothing to do with that.
  addEventListener('htmx:after:request', ({ target }) => {
    const acts = target instanceof HTMLFormElement && target.method === 'post';
    const dialog = acts && target.closest('dialog');
    if (!dialog) return;
    target.reset();
    dialog.close();
  });

  addEventListener('htmx:sse:error', ({ detail }) => {
    showState('lost');
    // The session has ended: the page itself is sent to the sign-in page, and from there back.
    if (detail.status === 401) location.reload();
  });
})();
