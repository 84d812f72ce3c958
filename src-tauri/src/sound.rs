//! The one sound: three short tones, made here and not in the page, whose audio can take it down on some desktops.

use std::time::Duration;

use rodio::{DeviceSinkBuilder, Player, Source, source::SineWave};

/// Pitches in hertz, with how long each lasts in milliseconds.
const TONES: [(f32, u64); 3] = [(659.0, 140), (523.0, 140), (659.0, 280)];
/// Between silence and as loud as the desktop lets a program be.
const LOUDNESS: f32 = 0.3;
/// So that tones begin and end without a click.
const EDGE: Duration = Duration::from_millis(12);

/// Plays it to its end. Blocks for as long.
///
/// # Errors
/// When there is nothing to play it on, in words.
pub(crate) fn play() -> Result<(), String> {
    let mut device = DeviceSinkBuilder::open_default_sink().map_err(|error| error.to_string())?;
    device.log_on_drop(false);
    let player = Player::connect_new(device.mixer());
    for (pitch, length) in TONES {
        let length = Duration::from_millis(length);
        let tone = SineWave::new(pitch).take_duration(length).amplify(LOUDNESS).fade_in(EDGE);
        player.append(tone);
    }
    player.sleep_until_end();
    Ok(())
}
