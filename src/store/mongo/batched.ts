/**
 * Calls of one kind, under load many in one: those that come while others are under way go out together, next. Nobody
 * waits for company. A group that fails as a whole is called one by one, so that one that cannot be done fails alone:
 * hence only for calls that may be repeated.
 */

/** Bounds a command, and what is called again. */
const GROUP_MAX = 100;

interface Waiting<In, Out> {
  input: In;
  resolve: (outcome: Promise<Out>) => void;
}

export class Grouped<In, Out> {
  readonly #alone: (input: In) => Promise<Out>;
  readonly #together: (inputs: readonly In[]) => Promise<Out[]>;
  readonly #isFinal: (error: unknown) => boolean;
  readonly #waiting: Waiting<In, Out>[] = [];
  #isUnderWay = false;

  /**
   * @param together the outcomes in the order of the inputs
   * @param isFinal of what a group failed with: each call would fail with it, too, and is not made; unless told, none is
   */
  constructor(
    alone: (input: In) => Promise<Out>,
    together: (inputs: readonly In[]) => Promise<Out[]>,
    isFinal: (error: unknown) => boolean = () => false,
  ) {
    this.#isFinal = isFinal;
    this.#alone = alone;
    this.#together = together;
  }

  call(input: In): Promise<Out> {
    return new Promise((resolve) => {
      this.#waiting.push({ input, resolve });
      if (!this.#isUnderWay) void this.#work();
    });
  }

  /** Never rejects: what a group ends with, its callers are told. */
  async #work(): Promise<void> {
    this.#isUnderWay = true;
    while (this.#waiting.length > 0) {
      const group = this.#waiting.splice(0, GROUP_MAX);
      const outcomes = await this.#outcomes(group.map(({ input }) => input));
      for (const [index, outcome] of outcomes.entries()) group[index]?.resolve(outcome);
      await Promise.allSettled(outcomes);
    }
    this.#isUnderWay = false;
  }

  async #outcomes(inputs: readonly In[]): Promise<Promise<Out>[]> {
    if (inputs.length > 1) {
      try {
        return (await this.#together(inputs)).map((outcome) => Promise.resolve(outcome));
      } catch (error) {
        if (this.#isFinal(error)) return inputs.map(() => Promise.reject(error));
        // One by one, each ends with an error of its own.
      }
    }
    return inputs.map((input) => this.#alone(input));
  }
}
