/** Runs `work` again and again, only while the tab is visible, and with longer and longer pauses while it fails. */

const MOST_SECONDS = 300;

export class Refresh {
  #timer;
  #seconds = 0;
  #failures = 0;
  #isDue = false;

  constructor(work) {
    this.work = work;
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && this.#isDue) this.work();
    });
  }

  stop() {
    clearTimeout(this.#timer);
    this.#isDue = false;
    this.#failures = 0;
  }

  /** Plans the next run in so many seconds (0 for never), later after failures. Returns the seconds. */
  after(seconds, failed, retryAfter = 0) {
    clearTimeout(this.#timer);
    this.#isDue = false;
    this.#failures = failed ? this.#failures + 1 : 0;
    this.#seconds = failed
      ? Math.min(MOST_SECONDS, (retryAfter || seconds) * 2 ** (this.#failures - 1))
      : seconds;
    if (this.#seconds) this.#timer = setTimeout(() => this.#due(), this.#seconds * 1000);
    return this.#seconds;
  }

  #due() {
    if (document.hidden) this.#isDue = true;
    else this.work();
  }
}
