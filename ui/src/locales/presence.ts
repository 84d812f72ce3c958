// Words of being there on the desktop: notifications, sound, tray, start at login, quitting, the wall.

export const presence = {
  notifications: "Notifications",
  notificationsLead:
    "The desktop tells you when something stops working and when it works again, when the journal is damaged, and when this computer has no network. What is muted, in maintenance, flapping or only follows from something else is not told.",
  sound: "Sound",
  soundLead: "An outage is heard as well, as three short tones. It is never the only sign.",
  onOff: { on: "On", off: "Off" },
  testNotification: "Show a test notification",
  testedNotification: "Handed to the desktop. If nothing appears, it is set not to disturb, or shows no notifications.",
  testSound: "Play the sound",
  testedSound: "Played.",
  tray: "Tray",
  trayShown: "Shown. Closing the window keeps the checks running; the icon brings it back, and so does starting again.",
  trayNone:
    "This desktop shows none, so a closed window would be lost: closing asks whether to quit or to keep running minimised.",
  autostart: "Start at login",
  autostartLead: "Lifeboat starts in the tray and checks from then on.",
  autostartUnknown: "Whether it is on cannot be told on this desktop.",
  autostartOffer: "Start Lifeboat when I log in, in the tray",
  safeGraphics: "Drawn with safe graphics",
  safeGraphicsDetail:
    "The window was not ready within 8 seconds, so Lifeboat started once more without the help of the graphics card. Start it with --safe-graphics to have it so from the beginning.",
  quit: {
    title: "Quit Lifeboat?",
    lead: "This still runs:",
    noTray: "This desktop shows no tray, so a closed window could not be brought back from there.",
    keep: "Keep running",
    keepMinimised: "Keep running, minimised",
    quit: "Quit",
  },
} as const;

export const kiosk = {
  open: "Wall",
  openLabel: "Open the wall: the board to be read from afar",
  title: "Lifeboat wall",
  pages: { status: "Status", availability: "Availability" },
  page: (name: string, number: number, of: number) => `${name}, page ${number} of ${of}`,
  held: "held",
  keys: "← → page · Space hold · Esc leave",
  alive: "Alive",
  read: (length: string) => `read ${length} ago`,
  reading: "Reading the board …",
  frozen: (length: string) => `This picture is ${length} old. Nothing here is known to be true now.`,
  failed: (message: string) => `The board cannot be read: ${message}`,
  nobody: "Nobody is checking: what is shown only gets older.",
  functions: "Business functions",
  parts: "What they stand on",
  more: (rest: number) => `and ${rest} more`,
  over: (days: number) => `${days} days`,
  target: "Target",
  notEnough: "too little known",
} as const;
