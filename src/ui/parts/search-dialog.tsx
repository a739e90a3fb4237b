/** The search over every page. Without scripts, the link leads to the page of the search. */
import { SEARCH_MAX } from '../../services/search/search';

export const SEARCH_PATH = '/admin/search';

export function SearchLink() {
  return (
    <a
      class="button search-link"
      href={SEARCH_PATH}
      data-do="search"
      aria-keyshortcuts="/ Control+K"
    >
      Search <kbd aria-hidden="true">/</kbd>
    </a>
  );
}

export function SearchDialog() {
  return (
    <dialog id="search" aria-labelledby="search-title">
      <h2 id="search-title">Find anything</h2>
      <form
        class="search-form"
        role="search"
        method="get"
        action={SEARCH_PATH}
        hx-get={SEARCH_PATH}
        hx-target="#search-results"
        hx-sync="this:replace"
        hx-trigger="input changed delay:150ms from:#search-text"
      >
        <SearchField id="search-text" value="" />
        <button>Search</button>
        <button type="button" class="quiet" command="close" commandfor="search">
          Close
        </button>
      </form>
      <div id="search-results" />
    </dialog>
  );
}

export function SearchField({ id, value }: { id: string; value: string }) {
  return (
    <>
      <label for={id} class="hidden">
        Accounts, log entries, workflows, pages and actions
      </label>
      <input
        id={id}
        type="search"
        name="q"
        value={value}
        maxlength={SEARCH_MAX}
        placeholder="Account, id, page or action"
        autocomplete="off"
        aria-describedby={`${id}-hint`}
      />
      <p id={`${id}-hint`} class="detail">
        Finds the beginning of a label, of an external id, or of an id of an account or workflow,
        the whole id of a log entry, and words of pages and actions. ↓ and ↑ go through the results.
      </p>
    </>
  );
}
