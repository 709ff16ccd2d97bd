/** Runs `work` again and again: only while the tab is visible, later and later while it fails. */

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

  /** Every so many seconds from now on; 0 for never. Gives the seconds until the next time. */
  after(seconds, failed, retryAfter = 0) {
    clearTimeout(this.#timer);
    this.#isDue = false;
    this.#failures = failed ? this.#failures + 1 : 0;
    this.#seconds = failed
      ? Math.max(retryAfter, Math.min(MOST_SECONDS, (seconds || 30) * 2 ** (this.#failures - 1)))
      : seconds;
    if (this.#seconds) this.#timer = setTimeout(() => this.#due(), this.#seconds * 1000);
    return this.#seconds;
  }

  #due() {
    if (document.hidden) this.#isDue = true;
    else this.work();
  }
}
