/**
 * Coalesces calls: while one is in flight, later calls queue and go out as one bulk command. Adds no delay when idle.
 * If a batch fails as a whole, its calls are repeated one by one, so that only the faulty one fails; use it only for
 * calls that are safe to repeat.
 */

/** Calls per batch; bounds the size of a command, and the calls to repeat after a failure. */
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
   * @param together returns the outcomes in the order of the inputs
   * @param isFinal whether an error of a batch would also fail each call alone, so that none is repeated; default:
   * never
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

  /** Never rejects: the outcomes of a batch go to its callers. */
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
        // Repeat the calls one by one, so that each fails with its own error.
      }
    }
    return inputs.map((input) => this.#alone(input));
  }
}
