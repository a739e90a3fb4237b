/** The terminal in a dialog over another page. It is loaded when the dialog opens and removed when it closes. */

export function TerminalDialog() {
  return (
    <>
      <p>
        <button
          type="button"
          command="show-modal"
          commandfor="terminal-dialog"
          hx-get="/admin/terminal/panel"
          hx-target="#terminal-dialog-body"
        >
          Token refresh terminal (worker + debug)
        </button>
      </p>
      <dialog id="terminal-dialog" aria-labelledby="terminal-dialog-title">
        <header>
          <h2 id="terminal-dialog-title">Token refresh terminal (worker + debug)</h2>
          <a href="/admin/terminal">Open as a page</a>
          <button type="button" command="close" commandfor="terminal-dialog">
            Close
          </button>
        </header>
        <div id="terminal-dialog-body" />
        <div class="skeleton" aria-hidden="true">
          {Array.from({ length: 6 }, () => (
            <span />
          ))}
        </div>
      </dialog>
    </>
  );
}
