#!/usr/bin/python3
"""A desktop's notification server and tray host, small enough to be asked what was shown and told what to press.

Reads one request a line from its input and answers each with one line, both JSON. Also closes windows the way a
window's frame does, and says which of them are on the screen: there is no window manager on the display of a test.
"""

import ctypes
import json
import sys

import dbus
import dbus.mainloop.glib
import dbus.service
from gi.repository import GLib

NOTIFICATIONS = "org.freedesktop.Notifications"
WATCHER = "org.kde.StatusNotifierWatcher"
ITEM = "org.kde.StatusNotifierItem"
MENU = "com.canonical.dbusmenu"
PROPERTIES = "org.freedesktop.DBus.Properties"


def plain(value):
    """A value of the bus as JSON has it."""
    if isinstance(value, dbus.Dictionary):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, (dbus.Array, dbus.Struct, tuple, list)):
        return [plain(inner) for inner in value]
    if isinstance(value, dbus.Boolean):
        return bool(value)
    if isinstance(value, (int, float)):
        return value + 0
    return str(value)


class Server(dbus.service.Object):
    """Records what it is told to show."""

    def __init__(self, bus):
        super().__init__(dbus.service.BusName(NOTIFICATIONS, bus), "/org/freedesktop/Notifications")
        self.shown = []

    @dbus.service.method(NOTIFICATIONS, in_signature="susssasa{sv}i", out_signature="u")
    def Notify(self, app, replaces, icon, summary, body, actions, hints, timeout):
        number = len(self.shown) + 1
        shown = {"id": number, "title": summary, "body": body, "actions": actions, "hints": hints}
        self.shown.append({key: plain(value) for key, value in shown.items()})
        return number

    @dbus.service.method(NOTIFICATIONS, out_signature="as")
    def GetCapabilities(self):
        return ["body", "body-markup", "actions"]

    @dbus.service.method(NOTIFICATIONS, out_signature="ssss")
    def GetServerInformation(self):
        return ("recorder", "lifeboat", "1", "1.2")

    @dbus.service.method(NOTIFICATIONS, in_signature="u")
    def CloseNotification(self, number):
        self.NotificationClosed(number, 3)

    @dbus.service.signal(NOTIFICATIONS, signature="us")
    def ActionInvoked(self, number, action):
        pass

    @dbus.service.signal(NOTIFICATIONS, signature="uu")
    def NotificationClosed(self, number, reason):
        pass


class Watcher(dbus.service.Object):
    """Knows the icons of the tray."""

    def __init__(self, bus):
        super().__init__(dbus.service.BusName(WATCHER, bus), "/StatusNotifierWatcher")
        self.bus = bus
        self.items = []

    @dbus.service.method(WATCHER, in_signature="s", sender_keyword="sender")
    def RegisterStatusNotifierItem(self, service, sender=None):
        # An AppIndicator gives its path; others give their name.
        item = (sender, service) if service.startswith("/") else (service, "/StatusNotifierItem")
        if item not in self.items:
            self.items.append(item)
        self.StatusNotifierItemRegistered(service)

    @dbus.service.method(WATCHER, in_signature="s")
    def RegisterStatusNotifierHost(self, service):
        pass

    @dbus.service.signal(WATCHER, signature="s")
    def StatusNotifierItemRegistered(self, service):
        pass

    @dbus.service.method(PROPERTIES, in_signature="ss", out_signature="v")
    def Get(self, interface, name):
        return self.GetAll(interface)[name]

    @dbus.service.method(PROPERTIES, in_signature="s", out_signature="a{sv}")
    def GetAll(self, interface):
        return {
            "IsStatusNotifierHostRegistered": True,
            "ProtocolVersion": 0,
            "RegisteredStatusNotifierItems": dbus.Array([name + path for name, path in self.items], signature="s"),
        }

    def entries(self):
        """The newest icon, and its menu as (number, text, whether it can be chosen)."""
        name, path = self.items[-1]
        item = dbus.Interface(self.bus.get_object(name, path), PROPERTIES)
        menu = dbus.Interface(self.bus.get_object(name, item.Get(ITEM, "Menu")), MENU)
        _, layout = menu.GetLayout(0, -1, dbus.Array([], signature="s"))
        rows = [
            (int(row[0]), str(row[1].get("label", "")), bool(row[1].get("enabled", True)))
            for row in layout[2]
            if row[1].get("type") != "separator"
        ]
        return item, menu, rows

    def tray(self):
        if not self.items:
            return None
        item, _, rows = self.entries()
        return {"icon": str(item.Get(ITEM, "IconName")), "menu": [[text, can] for _, text, can in rows]}

    def choose(self, wanted):
        _, menu, rows = self.entries()
        number = next(number for number, text, _ in rows if text.startswith(wanted))
        menu.Event(number, "clicked", dbus.String("", variant_level=1), dbus.UInt32(0))
        return wanted


class Attributes(ctypes.Structure):
    """As Xlib has it; only the last fields before the padding are wanted."""

    _fields_ = [
        ("geometry", ctypes.c_int * 6),
        ("visual", ctypes.c_void_p),
        ("root", ctypes.c_ulong),
        ("kind", ctypes.c_int),
        ("bit_gravity", ctypes.c_int),
        ("win_gravity", ctypes.c_int),
        ("backing_store", ctypes.c_int),
        ("planes", ctypes.c_ulong),
        ("pixel", ctypes.c_ulong),
        ("save_under", ctypes.c_int),
        ("colormap", ctypes.c_ulong),
        ("map_installed", ctypes.c_int),
        ("map_state", ctypes.c_int),
        ("rest", ctypes.c_ulong * 16),
    ]


class Message(ctypes.Structure):
    """A client message of Xlib, padded to the size of any event."""

    _fields_ = [
        ("kind", ctypes.c_int),
        ("serial", ctypes.c_ulong),
        ("sent", ctypes.c_int),
        ("display", ctypes.c_void_p),
        ("window", ctypes.c_ulong),
        ("type", ctypes.c_ulong),
        ("format", ctypes.c_int),
        ("data", ctypes.c_long * 5),
        ("rest", ctypes.c_long * 24),
    ]


class Screen:
    """The windows of the display."""

    def __init__(self):
        self.x = ctypes.CDLL("libX11.so.6")
        self.x.XOpenDisplay.restype = ctypes.c_void_p
        self.x.XDefaultRootWindow.restype = ctypes.c_ulong
        self.x.XInternAtom.restype = ctypes.c_ulong
        self.display = ctypes.c_void_p(self.x.XOpenDisplay(None))
        if not self.display:
            raise SystemExit("the display does not answer")
        # A window may go while it is looked at; that is no reason to end.
        handler = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
        self.ignore = handler(lambda *_: 0)
        self.x.XSetErrorHandler(self.ignore)

    def named(self):
        """Windows of the root by title: (window, whether it is on the screen)."""
        root = self.x.XDefaultRootWindow(self.display)
        above, parent, children, count = ctypes.c_ulong(), ctypes.c_ulong(), ctypes.POINTER(ctypes.c_ulong)(), ctypes.c_uint()
        self.x.XQueryTree(
            self.display,
            ctypes.c_ulong(root),
            ctypes.byref(above),
            ctypes.byref(parent),
            ctypes.byref(children),
            ctypes.byref(count),
        )
        found = {}
        for index in range(count.value):
            window, name, attributes = ctypes.c_ulong(children[index]), ctypes.c_char_p(), Attributes()
            if not self.x.XFetchName(self.display, window, ctypes.byref(name)) or name.value is None:
                continue
            if not self.x.XGetWindowAttributes(self.display, window, ctypes.byref(attributes)):
                continue
            is_seen = attributes.map_state == 2
            title = name.value.decode()
            if attributes.kind == 1 and (is_seen or title not in found):
                found[title] = (window, is_seen, list(attributes.geometry)[2:4])
        return found

    def windows(self):
        return {title: {"seen": seen, "size": size} for title, (_, seen, size) in self.named().items()}

    def close(self, title):
        """Asks a window to close, as its frame would."""
        window = self.named()[title][0]
        atom = lambda name: self.x.XInternAtom(self.display, name, 0)
        data = (ctypes.c_long * 5)(atom(b"WM_DELETE_WINDOW"), 0, 0, 0, 0)
        message = Message(33, 0, 1, self.display.value, window.value, atom(b"WM_PROTOCOLS"), 32, data)
        self.x.XSendEvent(self.display, window, 0, ctypes.c_long(0), ctypes.byref(message))
        self.x.XFlush(self.display)
        return title


def main():
    dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
    bus = dbus.SessionBus()
    server = Server(bus)
    watcher = Watcher(bus) if "--tray" in sys.argv else None
    screen = Screen()
    loop = GLib.MainLoop()

    def click(number):
        server.ActionInvoked(number, "default")
        return number

    answers = {
        "notifications": lambda _: server.shown,
        "click": click,
        "tray": lambda _: watcher.tray(),
        "choose": lambda wanted: watcher.choose(wanted),
        "windows": lambda _: screen.windows(),
        "close": screen.close,
    }

    def heard(source, condition):
        line = sys.stdin.readline()
        if not line:
            loop.quit()
            return False
        try:
            request = json.loads(line)
            answer = {"answer": answers[request["do"]](request.get("with"))}
        except Exception as error:  # Whoever asked is told; the desktop stays.
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)
        return True

    GLib.io_add_watch(sys.stdin.fileno(), GLib.IO_IN | GLib.IO_HUP, heard)
    print(json.dumps({"answer": "there"}), flush=True)
    loop.run()


main()
