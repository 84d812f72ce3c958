// Words of the commands, the keys and the screens still to come.

import { plural } from "./grammar";

export const notYet = {
  title: (what: string) => `Not in this version yet: ${what}`,
  incidents: {
    what: "declaring and commanding incidents",
    will: "It will hold the open incident: its clocks, who commands, the next step, and everything that was done, in order.",
    now: "Until then the status board shows what is broken, and the journal since when.",
    act: "Open the status board",
  },
  runbooks: {
    what: "walking runbooks step by step",
    will: "It will show each recovery procedure with its steps, run them with a dry run first, and keep what each one answered.",
    now: "Until then the plan shows what each business function stands on and how its providers fall back.",
    act: "Open the plan",
  },
  drills: {
    what: "planned drills and their reports",
    will: "It will hold the calendar of drills, measure recovery times while you practise, and fill in the report.",
    now: "Until then the practice range is there to break and watch.",
    act: "Open the practice range",
  },
  backups: {
    what: "testing and restoring backups",
    will: "It will answer whether you could restore right now, to which moment, and how long it would take.",
    now: "Until then the data stores on the status board show how old the newest backup is.",
    act: "Open the status board",
  },
  executive: {
    what: "the view for executives",
    will: "It will say in business words how bad it is, whether it is under control, and what is to be decided.",
    now: "Until then the first line of the status board says it in one sentence.",
    act: "Open the status board",
  },
} as const;

export const palette = {
  title: "Commands",
  placeholder: "Type what you want to do or find",
  doNow: "Do now",
  goTo: "Go to",
  find: "Find",
  none: "Nothing matches. Try fewer letters.",
  found: (rows: number) => plural(rows, "result"),
  open: "Commands",
  notBuilt: "not in this version yet",
  alreadyUp: "it is up already",
  alreadyDown: "it is down already",
  busy: "under way",
  noPractice: "the plan has no practice range",
  function: "business function",
  check: "check",
  declare: "Declare incident",
  runDoctor: "Look at this computer again",
  showKeys: "Show keys",
  chooseTheme: (theme: string) => `Use the ${theme} theme`,
  reread: "Read the plan again",
} as const;

export const keys = {
  title: "Keys",
  everywhere: "Everywhere",
  letters: "Single letters (can be switched off in Settings)",
  lettersOff: "Single letters (switched off in Settings)",
  screens: "Go to a screen",
  palette: "Commands",
  regions: "Next or previous region",
  primary: "Main action of the screen",
  close: "Close or go back",
  list: "This list",
  recheck: "Re-check what is open, or all",
  journal: "Journal",
  settings: "Settings",
  declare: "Declare incident (not in this version yet)",
  kiosk: "From the status board: the wall, to be read from afar",
  chart: "Read a chart point by point",
  label: "Keys",
} as const;
