// Instants, durations and numbers in words. Arithmetic for showing only: what counts as late or bad is decided in Rust.

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** The zone local times are shown in, and what it is called. */
export interface Zone {
  /** IANA name, such as `Europe/Paris`. */
  id: string;
  /** The city, such as `Paris`; nothing when local time is UTC. */
  label: string | null;
}

export function zoneOf(id: string): Zone {
  const isUtc = /^(etc\/)?(utc|uct|zulu|universal|gmt([+-]?0)?|greenwich)$/i.test(id);
  return { id, label: isUtc ? null : (id.split("/").at(-1) ?? id).replaceAll("_", " ") };
}

export function localZone(): Zone {
  return zoneOf(Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC");
}

interface Parts {
  date: string;
  minute: string;
  second: string;
}

function parts(instant: number, zone: string): Parts {
  const found = new Map(
    new Intl.DateTimeFormat("en-GB", {
      timeZone: zone,
      hourCycle: "h23",
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
      hour: "2-digit",
      minute: "2-digit",
      second: "2-digit",
    })
      .formatToParts(instant)
      .map((part) => [part.type, part.value]),
  );
  const get = (type: Intl.DateTimeFormatPartTypes) => found.get(type) ?? "";
  const minute = `${get("hour")}:${get("minute")}`;
  return {
    date: `${get("year")}-${get("month")}-${get("day")}`,
    minute,
    second: `${minute}:${get("second")}`,
  };
}

/** `02:14:05 UTC`, with the date in front when that is not today. */
export function utc(iso: string, now: number): string {
  const instant = Date.parse(iso);
  if (Number.isNaN(instant)) return iso;
  const found = parts(instant, "UTC");
  const today = parts(now, "UTC").date === found.date;
  return `${today ? "" : `${found.date} `}${found.second} UTC`;
}

/** `03:14 Paris`, or nothing when local time is UTC; with its own date when that differs from the date in UTC. */
export function local(iso: string, zone: Zone): string | null {
  const instant = Date.parse(iso);
  if (zone.label === null || Number.isNaN(instant)) return null;
  const found = parts(instant, zone.id);
  const otherDay = found.date !== parts(instant, "UTC").date;
  return `${otherDay ? `${found.date} ` : ""}${found.minute} ${zone.label}`;
}

/** `02:14:05.412`, for lists whose heading says UTC. */
export function utcExact(iso: string): { date: string; time: string } {
  const instant = Date.parse(iso);
  if (Number.isNaN(instant)) return { date: "", time: iso };
  const found = parts(instant, "UTC");
  return {
    date: found.date,
    time: `${found.second}.${String(((instant % SECOND) + SECOND) % SECOND).padStart(3, "0")}`,
  };
}

/** `1 h 12 min`: the two largest units, rounded down, never negative. */
export function duration(ms: number): string {
  const whole = Math.max(0, ms);
  if (whole < MINUTE) return `${Math.floor(whole / SECOND)} s`;
  if (whole < HOUR) return two(whole, MINUTE, "min", SECOND, "s");
  if (whole < DAY) return two(whole, HOUR, "h", MINUTE, "min");
  return two(whole, DAY, "d", HOUR, "h");
}

function two(ms: number, large: number, largeUnit: string, small: number, smallUnit: string): string {
  const rest = Math.floor((ms % large) / small);
  return `${Math.floor(ms / large)} ${largeUnit}${rest > 0 ? ` ${rest} ${smallUnit}` : ""}`;
}

/** How long something took: `84 ms`, `1.24 s`, then like `duration`. */
export function took(ms: number): string {
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < SECOND) return `${Math.round(ms)} ms`;
  if (ms < MINUTE) return `${(ms / SECOND).toFixed(ms < 10 * SECOND ? 2 : 1)} s`;
  return duration(ms);
}

/** A period as the plan writes it (`4h`, `1500ms`) with a space before each unit: `4 h`, `1500 ms`. */
export function period(written: string): string {
  const spaced = written.replaceAll(/(\d)\s*(ms|s|m|h|d|w)(?=\d|\s|$)/g, (_, digit: string, unit: string) => {
    return `${digit} ${unit === "m" ? "min" : unit === "w" ? "wk" : unit} `;
  });
  return spaced.trim().replaceAll(/\s+/g, " ");
}

/** `4 812`: thousands apart, so that long numbers can be read. */
export function count(value: number): string {
  return String(value).replaceAll(/\B(?=(\d{3})+(?!\d))/g, "\u202f");
}

/**
 * How far a day (`2025-07-15`) or month (`2025-07`) has gone by: whole months past it, or days when it is less than
 * two months. Nothing while it is still to come or running.
 */
export function overdue(date: string, now: number): { unit: "month" | "day"; value: number } | null {
  const match = /^(\d{4})-(\d{2})(?:-(\d{2}))?$/.exec(date);
  if (!match) return null;
  const [year, month] = [Number(match[1]), Number(match[2])];
  const day = match[3] === undefined ? new Date(Date.UTC(year, month, 0)).getUTCDate() : Number(match[3]);
  const past = Math.floor((now - Date.UTC(year, month - 1, day + 1)) / DAY) + 1;
  if (past <= 0) return null;
  const today = new Date(now);
  let months = (today.getUTCFullYear() - year) * 12 + (today.getUTCMonth() + 1 - month);
  if (match[3] !== undefined && today.getUTCDate() < day) months -= 1;
  return months >= 2 ? { unit: "month", value: months } : { unit: "day", value: past };
}

/** A share from 0 to 1 as `99.95 %`: rounded down, so that it never looks better than it is. */
export function percent(share: number): string {
  const parts = Math.floor(Math.min(1, Math.max(0, share)) * 100_000 + 1e-6);
  return `${parts / 1_000}\u202f%`;
}

/** `2.4 MB`: in powers of a thousand. */
export function bytes(value: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, value)) / 3)));
  const scaled = value / 1_000 ** power;
  return `${power === 0 || scaled >= 100 ? Math.round(scaled) : scaled.toFixed(1)} ${units[power] ?? ""}`;
}
