// The API reference: copy buttons, and requests with the reader's own key. The key stays in its field and is stored nowhere.
'use strict';

(() => {
  // Characters of a response that are shown. A stream does not end, and a long list would slow the page down.
  const SHOWN_MAX = 100_000;

  let described;
  const description = () =>
    (described ??= fetch('/openapi.json').then((response) => response.json()));

  addEventListener('DOMContentLoaded', () => {
    const docs = document.querySelector('.docs');
    if (docs === null) return;
    document.getElementById('docs-try').hidden = false;
    for (const text of docs.querySelectorAll('pre')) text.before(copyButton(text));
    for (const details of docs.querySelectorAll('details.try')) {
      details.hidden = false;
      details.addEventListener('toggle', () => void fill(details), { once: true });
    }
  });

  function element(name, members = {}, ...children) {
    const made = Object.assign(document.createElement(name), members);
    made.append(...children);
    return made;
  }

  function copyButton(text) {
    const kind = text.closest('details') === null ? 'the command' : 'the text';
    const button = element('button', {
      type: 'button',
      className: 'quiet copy',
      textContent: 'Copy',
    });
    button.setAttribute('aria-label', `Copy ${kind}`);
    button.dataset.copy = text.textContent;
    return button;
  }

  async function fill(details) {
    const id = details.dataset.operation;
    try {
      details.append(formOf(id, await description()));
    } catch {
      details.append(
        element('p', { textContent: 'The description could not be loaded. Reload the page.' }),
      );
    }
  }

  function operationOf(id, { paths }) {
    for (const [path, methods] of Object.entries(paths))
      for (const [method, operation] of Object.entries(methods))
        if (operation.operationId === id)
          return { ...operation, path, method: method.toUpperCase() };
    throw new Error(`no operation ${id}`);
  }

  function formOf(id, document) {
    const operation = operationOf(id, document);
    const fields = (operation.parameters ?? []).map((parameter) => parameterField(id, parameter));
    const body = operation.requestBody && bodyField(id, operation.requestBody, document);
    const send = element('button', {
      className: 'primary',
      textContent: `Send ${operation.method} request`,
    });
    const stop = element('button', { type: 'button', textContent: 'Stop', hidden: true });
    const status = element('p', { className: 'muted' });
    status.setAttribute('role', 'status');
    const answer = element('pre', { tabIndex: 0, hidden: true });
    answer.setAttribute('aria-label', 'Response');
    const changes =
      operation.method === 'GET' ? [] : [element('p', { textContent: 'This changes real data.' })];
    const form = element(
      'form',
      {},
      ...fields.map(({ label }) => label),
      ...(body ? body.labels : []),
      ...changes,
    );
    form.append(element('p', {}, send, ' ', stop), status, answer);
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      void request({ operation, fields, body, send, stop, status, answer });
    });
    return form;
  }

  function labelled(id, text, field) {
    field.id = id;
    return element('label', { htmlFor: id }, text, field);
  }

  function parameterField(id, { name, in: place, required = false, schema }) {
    const choices = schema?.enum;
    const field = choices === undefined ? element('input') : element('select');
    for (const choice of choices === undefined ? [] : ['', ...choices])
      field.append(element('option', { value: choice, textContent: choice }));
    if (place === 'path') field.value = schema?.example ?? '';
    Object.assign(field, { required, autocomplete: 'off', spellcheck: false });
    return { name, place, field, label: labelled(`${id}-${place}-${name}`, name, field) };
  }

  function bodyField(id, { content }, document) {
    const field = element('textarea', { rows: 6, spellcheck: false });
    const type = element('select');
    for (const name of Object.keys(content))
      type.append(element('option', { value: name, textContent: name }));
    const showExample = () => {
      const example = exampleOf(content[type.value], document);
      const indent = type.value === 'application/json' ? 2 : 0;
      field.value = typeof example === 'string' ? example : JSON.stringify(example, null, indent);
    };
    type.addEventListener('change', showExample);
    showExample();
    const labels = [labelled(`${id}-body`, 'Body', field)];
    if (Object.keys(content).length > 1) labels.unshift(labelled(`${id}-type`, 'Media type', type));
    return { field, type, labels };
  }

  function exampleOf({ example, schema = {} }, document) {
    if (example !== undefined) return example;
    const name = schema.$ref?.split('/').at(-1);
    return (name === undefined ? schema : document.components.schemas[name]).example ?? '';
  }

  async function request({ operation, fields, body, send, stop, status, answer }) {
    const key = document.getElementById('docs-key');
    if (operation.security?.length !== 0 && key.value.trim() === '') {
      status.textContent = 'This request needs a key or JWT. Enter it at the top of the page.';
      key.focus();
      return;
    }
    const ended = new AbortController();
    const cancel = () => ended.abort();
    stop.addEventListener('click', cancel);
    send.disabled = true;
    stop.hidden = false;
    answer.hidden = false;
    answer.textContent = '';
    status.textContent = 'Waiting for the response …';
    const began = performance.now();
    try {
      const response = await fetch(urlOf(operation, fields), {
        method: operation.method,
        headers: headersOf(operation, fields, body, key.value.trim()),
        ...(body ? { body: body.field.value } : {}),
        // The key alone decides, not the session of the person.
        credentials: 'omit',
        cache: 'no-store',
        redirect: 'error',
        signal: ended.signal,
      });
      const duration = Math.round(performance.now() - began);
      status.textContent = `${response.status} ${response.statusText} after ${duration} ms`;
      await showBody(response, answer, ended);
    } catch {
      if (!ended.signal.aborted)
        status.textContent =
          'Evergrant did not answer. Check that it runs, and send the request again.';
    } finally {
      if (ended.signal.aborted) status.textContent += ' (stopped)';
      stop.removeEventListener('click', cancel);
      send.disabled = false;
      stop.hidden = true;
    }
  }

  function urlOf({ path }, fields) {
    const query = new URLSearchParams();
    let filled = path;
    for (const { name, place, field } of fields) {
      if (place === 'path') filled = filled.replace(`{${name}}`, encodeURIComponent(field.value));
      if (place === 'query' && field.value !== '') query.set(name, field.value);
    }
    return query.size === 0 ? filled : `${filled}?${query}`;
  }

  function headersOf({ security }, fields, body, key) {
    const headers = new Headers();
    for (const { name, place, field } of fields)
      if (place === 'header' && field.value !== '') headers.set(name, field.value);
    if (security?.length !== 0) headers.set('authorization', `Bearer ${key}`);
    if (body) headers.set('content-type', body.type.value);
    return headers;
  }

  async function showBody(response, answer, ended) {
    if (response.body === null) return;
    const isJson = response.headers.get('content-type')?.startsWith('application/json');
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    while (text.length < SHOWN_MAX) {
      const { done, value } = await reader.read();
      if (done) {
        if (isJson) answer.textContent = JSON.stringify(JSON.parse(text), null, 2);
        return;
      }
      text += value;
      answer.textContent = text.slice(0, SHOWN_MAX);
    }
    ended.abort();
  }
})();
