// Card numbers that nobody was given, and where the digits of one are found again.

/// First digits and length, as issuers give them out.
const ISSUERS = [
  ...[['4', 13], ['4', 16], ['4', 19], ['51', 16], ['55', 16], ['2221', 16], ['2720', 16], ['34', 15], ['37', 15]],
  ...[['6011', 16], ['65', 16], ['644', 19], ['36', 14], ['305', 14], ['38', 16], ['3528', 16], ['3589', 19]],
  ...[['62', 16], ['62', 17], ['62', 18], ['62', 19], ['5018', 13], ['6304', 15], ['6763', 19]],
];
const LENGTHS = [...new Set(ISSUERS.map(([, length]) => length))];
/// Longer than the longest barcode of goods.
const LONG = 15;
const BETWEEN = /(?<=\d)[\s\-._/\u2010-\u2014]{1,3}(?=\d)/g;
/// The zeros of scripts that numbers are written in, and their digits.
const ZEROS = ['\u0660', '\u06f0', '\u0966', '\uff10'];
const DIGITS = /[\uff10-\uff19\u0660-\u0669\u06f0-\u06f9\u0966-\u096f]/g;

/// The same numbers for the same seed (mulberry32).
export class Chance {
  #state;

  constructor(seed) {
    this.#state = seed >>> 0;
  }

  below(count) {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % count;
  }

  of(choices) {
    return choices[this.below(choices.length)];
  }
}

/// The digits of a number that an issuer might give out; a long one where a barcode may stand.
export function cardNumber(chance, { long = false } = {}) {
  const [first, length] = chance.of(long ? ISSUERS.filter(([, digits]) => digits >= LONG) : ISSUERS);
  let digits = first;
  while (digits.length < length - 1) digits += chance.below(10);
  return digits + checkDigit(digits);
}

/// The same but for its last digit, so that nobody takes it for a card number.
export function misprint(digits) {
  return digits.slice(0, -1) + ((Number(digits.at(-1)) + 1) % 10);
}

/// The digits as people write them.
export function written(chance, digits, { visible = false } = {}) {
  const groups = (by) => digits.match(/.{1,4}/g).join(by);
  const plain = [digits, groups('-'), groups('.'), groups('/'), groups('_')];
  if (visible) return chance.of(plain);
  const spaced = [' ', '\u00a0', '\u2011', ' - ', ' / '].map(groups);
  const number = chance.of([...plain, ...spaced, inScript(digits, chance.of(ZEROS))]);
  return chance.of([number, number, `paid with ${number}, thanks`, `Visa: ${number}.`, `(${number})`]);
}

/// The digits of another script.
function inScript(digits, zero) {
  return digits.replaceAll(/\d/g, (digit) => String.fromCharCode(zero.charCodeAt(0) + Number(digit)));
}

/// The same text with plain digits.
function plainly(text) {
  const count = (code) => code - ZEROS.map((zero) => zero.charCodeAt(0)).findLast((zero) => zero <= code);
  return text.replaceAll(DIGITS, (digit) => count(digit.charCodeAt(0)));
}

/// Which of the numbers stand in a text, however they are grouped.
export function found(text, numbers) {
  const hits = new Set();
  for (const [run] of plainly(text).replaceAll(BETWEEN, '').matchAll(/\d{13,}/g)) {
    for (const length of LENGTHS) {
      for (let at = 0; at + length <= run.length; at += 1) {
        const part = run.slice(at, at + length);
        if (numbers.has(part)) hits.add(part);
      }
    }
  }
  return hits;
}

function checkDigit(digits) {
  const sum = [...digits].reverse().reduce((total, digit, place) => {
    const value = Number(digit) * (place % 2 === 0 ? 2 : 1);
    return total + (value > 9 ? value - 9 : value);
  }, 0);
  return (10 - (sum % 10)) % 10;
}
