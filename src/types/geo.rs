//! Places on the globe as 52 bits, and which runs of those bits cover a shape.
//!
//! Longitude and latitude are cut into 2^26 steps each and their bits interleaved, latitude in the
//! even places, so that a cell of a coarser grid is one run of numbers: a sorted set with these as
//! scores finds the places in a cell in O(log n). A shape is covered by nine cells, the one around
//! its centre and its neighbours, of the finest grid for which that is enough.
//!
//! The arithmetic is a server's, operation by operation: distances agree in the last bit.

use std::ops::Range;

use smallvec::SmallVec;

/// Places lie between these, in degrees; Web maps end at the same latitude.
pub const LONGITUDE_MAX: f64 = 180.0;
pub const LATITUDE_MAX: f64 = 85.051_128_78;

/// The finest grid: 2^26 cells along either axis, 52 bits in all.
const STEP_MAX: u32 = 26;
const EARTH_RADIUS_M: f64 = 6_372_797.560_856;
/// Half of the equator on the map, in meters: no grid is coarser than this.
const MAP_HALF_M: f64 = 20_037_726.37;
const LATITUDE_BITS: u64 = 0x5555_5555_5555_5555;

/// A place, in degrees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    pub longitude: f64,
    pub latitude: f64,
}

/// What is searched, in meters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Extent {
    Circle { radius: f64 },
    Box { width: f64, height: f64 },
}

/// A circle or a box around a place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shape {
    pub center: Place,
    pub extent: Extent,
}

impl Place {
    /// The place on the grid that a score means: the middle of its finest cell.
    pub fn of_score(score: f64) -> Self {
        let area = Cell { bits: bits_of(score), step: STEP_MAX }.area();
        let middle = |ends: (f64, f64), max: f64| f64::midpoint(ends.0, ends.1).clamp(-max, max);
        Self {
            longitude: middle(area.longitude, LONGITUDE_MAX),
            latitude: middle(area.latitude, LATITUDE_MAX),
        }
    }

    /// The score under which the place is kept.
    pub fn score(self) -> f64 {
        Cell::around(self, STEP_MAX, LATITUDE_MAX).bits as f64
    }

    /// Does it lie where places can be kept?
    pub fn is_on_map(self) -> bool {
        (-LONGITUDE_MAX..=LONGITUDE_MAX).contains(&self.longitude)
            && (-LATITUDE_MAX..=LATITUDE_MAX).contains(&self.latitude)
    }

    /// Meters to another place along the surface of a sphere.
    pub fn distance(self, other: Self) -> f64 {
        let v = ((other.longitude.to_radians() - self.longitude.to_radians()) / 2.0).sin();
        if v == 0.0 {
            return latitude_distance(self.latitude, other.latitude);
        }
        let (here, there) = (self.latitude.to_radians(), other.latitude.to_radians());
        let u = ((there - here) / 2.0).sin();
        // Not fused: the digits are a server's.
        let a = u * u + here.cos() * there.cos() * v * v;
        2.0 * EARTH_RADIUS_M * a.sqrt().asin()
    }

    /// The eleven letters that other systems know the place by; they count latitudes to the poles.
    pub fn letters(self) -> [u8; 11] {
        const ALPHABET: &[u8; 32] = b"0123456789bcdefghjkmnpqrstuvwxyz";
        let bits = Cell::around(self, STEP_MAX, 90.0).bits;
        // Eleven letters would be 55 bits: the last one says nothing.
        std::array::from_fn(|at| match at {
            10 => ALPHABET[0],
            _ => ALPHABET[(bits >> (2 * STEP_MAX as usize - (at + 1) * 5)) as usize & 31],
        })
    }
}

fn latitude_distance(a: f64, b: f64) -> f64 {
    EARTH_RADIUS_M * (b.to_radians() - a.to_radians()).abs()
}

/// A score as bits: what is below zero wraps around, as C casts it on x86-64.
fn bits_of(score: f64) -> u64 {
    if score < 9_223_372_036_854_775_808.0 { score as i64 as u64 } else { score as u64 }
}

/// A cell of the grid with 2^`step` cells along either axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cell {
    bits: u64,
    step: u32,
}

/// Where a cell lies: from, to.
struct Area {
    longitude: (f64, f64),
    latitude: (f64, f64),
}

impl Cell {
    fn around(place: Place, step: u32, latitude_max: f64) -> Self {
        let cells = (1u64 << step) as f64;
        let along = |at: f64, max: f64| ((at + max) / (max + max) * cells) as u32;
        let latitude = spread(along(place.latitude, latitude_max));
        let longitude = spread(along(place.longitude, LONGITUDE_MAX));
        Self { bits: latitude | longitude << 1, step }
    }

    fn area(self) -> Area {
        let cells = (1u64 << self.step) as f64;
        let from = |at: u32, max: f64| -max + f64::from(at) / cells * (max + max);
        let ends = |at: u32, max: f64| (from(at, max), from(at.wrapping_add(1), max));
        Area {
            longitude: ends(squeeze(self.bits >> 1), LONGITUDE_MAX),
            latitude: ends(squeeze(self.bits), LATITUDE_MAX),
        }
    }

    /// The cell so many cells to the east and to the north; at the map's edge it goes on at the
    /// opposite one.
    fn beside(self, east: i64, north: i64) -> Self {
        let cells = 1u64 << self.step;
        let moved = |at: u32, by: i64| match by {
            // What lies on the northern or eastern edge itself is beyond the last cell.
            0 => spread(at),
            _ => spread((u64::from(at).wrapping_add_signed(by) & (cells - 1)) as u32),
        };
        let latitude = moved(squeeze(self.bits), north);
        let longitude = moved(squeeze(self.bits >> 1), east);
        Self { bits: latitude | longitude << 1, step: self.step }
    }

    /// The scores of the places in the cell.
    fn scores(self) -> Range<f64> {
        let shift = 2 * (STEP_MAX - self.step);
        (self.bits << shift) as f64..((self.bits + 1) << shift) as f64
    }
}

/// Puts the bits of a number into the even places.
fn spread(number: u32) -> u64 {
    let mut bits = u64::from(number);
    for (shift, mask) in [
        (16, 0x0000_ffff_0000_ffff),
        (8, 0x00ff_00ff_00ff_00ff),
        (4, 0x0f0f_0f0f_0f0f_0f0f),
        (2, 0x3333_3333_3333_3333),
        (1, LATITUDE_BITS),
    ] {
        bits = (bits | bits << shift) & mask;
    }
    bits
}

/// The bits in the even places.
fn squeeze(bits: u64) -> u32 {
    let mut bits = bits & LATITUDE_BITS;
    for (shift, mask) in [
        (1, 0x3333_3333_3333_3333),
        (2, 0x0f0f_0f0f_0f0f_0f0f),
        (4, 0x00ff_00ff_00ff_00ff),
        (8, 0x0000_ffff_0000_ffff),
        (16, 0x0000_0000_ffff_ffff),
    ] {
        bits = (bits | bits >> shift) & mask;
    }
    bits as u32
}

impl Shape {
    /// How far away a place is that lies in the shape; `None` for one outside.
    pub fn distance_to(&self, place: Place) -> Option<f64> {
        let center = self.center;
        match self.extent {
            Extent::Circle { radius } => {
                // Far cheaper than the distance, which is never less but for its rounding.
                let at_least = latitude_distance(place.latitude, center.latitude);
                if at_least > radius * 1.000_001 + 1.0 {
                    return None;
                }
                let distance = center.distance(place);
                (distance <= radius).then_some(distance)
            }
            Extent::Box { width, height } => {
                if latitude_distance(place.latitude, center.latitude) > height / 2.0 {
                    return None;
                }
                let beside = Place { longitude: center.longitude, ..place };
                (place.distance(beside) <= width / 2.0).then(|| center.distance(place))
            }
        }
    }

    /// Runs of scores that hold every place in the shape, in the order of a server. On coarse
    /// grids neighbours coincide; a run that stands twice in a row is given once.
    pub fn score_ranges(&self) -> impl Iterator<Item = Range<f64>> + use<> {
        let mut cells: SmallVec<[Cell; 9]> = self.cells().into_iter().flatten().collect();
        cells.dedup();
        cells.into_iter().map(Cell::scores)
    }

    fn cells(&self) -> [Option<Cell>; 9] {
        let bounds = self.bounds();
        let mut step = self.first_step();
        let mut center = Cell::around(self.center, step, LATITUDE_MAX);
        if step > 1 && !neighbours_suffice(center, &bounds) {
            step -= 1;
            center = Cell::around(self.center, step, LATITUDE_MAX);
        }
        let area = center.area();
        // Whole sides of the square can be left out where the shape does not reach beyond the
        // cell in its middle.
        let is_fine = step >= 2;
        let no_south = is_fine && area.latitude.0 < bounds.latitude.0;
        let no_north = is_fine && area.latitude.1 > bounds.latitude.1;
        let no_west = is_fine && area.longitude.0 < bounds.longitude.0;
        let no_east = is_fine && area.longitude.1 > bounds.longitude.1;
        let at = |east: i64, north: i64| {
            let left_out = east > 0 && no_east
                || east < 0 && no_west
                || north > 0 && no_north
                || north < 0 && no_south;
            (!left_out).then(|| center.beside(east, north))
        };
        let [e, n] = [1, 1];
        [
            Some(center),
            at(0, n),
            at(0, -n),
            at(e, 0),
            at(-e, 0),
            at(e, n),
            at(-e, n),
            at(e, -n),
            at(-e, -n),
        ]
    }

    /// The ends of the shape; a box is wider where it is nearer to a pole.
    fn bounds(&self) -> Area {
        let (height, width) = match self.extent {
            Extent::Circle { radius } => (radius, radius),
            Extent::Box { width, height } => (height / 2.0, width / 2.0),
        };
        let Place { longitude, latitude } = self.center;
        let by_latitude = degrees(height / EARTH_RADIUS_M);
        let farther = if latitude < 0.0 { latitude - by_latitude } else { latitude + by_latitude };
        let by_longitude = degrees(width / EARTH_RADIUS_M / farther.to_radians().cos());
        Area {
            longitude: (longitude - by_longitude, longitude + by_longitude),
            latitude: (latitude - by_latitude, latitude + by_latitude),
        }
    }

    /// The grid whose cells are about as large as the shape; coarser near the poles, where cells
    /// are narrow.
    fn first_step(&self) -> u32 {
        let mut radius = match self.extent {
            Extent::Circle { radius } => radius,
            Extent::Box { width, height } => {
                let (x, y) = (width / 2.0, height / 2.0);
                (x * x + y * y).sqrt()
            }
        };
        if radius == 0.0 {
            return STEP_MAX;
        }
        let mut step = 1;
        while radius < MAP_HALF_M {
            radius *= 2.0;
            step += 1;
        }
        step -= 2;
        let latitude = self.center.latitude.abs();
        if latitude > 66.0 {
            step -= 1;
        }
        if latitude > 80.0 {
            step -= 1;
        }
        step.clamp(1, STEP_MAX as i32) as u32
    }
}

/// Does no end lie beyond the neighbours of a cell? Ends that are no numbers, of a shape beyond all
/// measure, do not.
fn neighbours_suffice(center: Cell, bounds: &Area) -> bool {
    let beyond = center.beside(0, 1).area().latitude.1 < bounds.latitude.1
        || center.beside(0, -1).area().latitude.0 > bounds.latitude.0
        || center.beside(1, 0).area().longitude.1 < bounds.longitude.1
        || center.beside(-1, 0).area().longitude.0 > bounds.longitude.0;
    !beyond
}

/// Not `to_degrees`, which multiplies and so rounds otherwise.
fn degrees(radians: f64) -> f64 {
    radians / (std::f64::consts::PI / 180.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::random::Rng;

    fn anywhere(rng: &mut Rng, latitude_max: f64) -> Place {
        let mut within = |max: f64| (rng.next_u64() as f64 / u64::MAX as f64 * 2.0 - 1.0) * max;
        Place { longitude: within(LONGITUDE_MAX), latitude: within(latitude_max) }
    }

    #[test]
    fn a_score_means_a_place_within_its_cell() {
        let mut rng = Rng::new(1);
        for _ in 0..10_000 {
            let place = anywhere(&mut rng, LATITUDE_MAX);
            let kept = Place::of_score(place.score());
            assert!((kept.longitude - place.longitude).abs() < 360.0 / f64::from(1 << 26));
            assert!((kept.latitude - place.latitude).abs() < 171.0 / f64::from(1 << 26));
            assert_eq!(kept.score(), place.score());
        }
    }

    #[test]
    fn runs_of_scores_hold_every_place_in_the_shape() {
        let mut rng = Rng::new(2);
        let places: Vec<_> = (0..2_000).map(|_| anywhere(&mut rng, 70.0).score()).collect();
        let mut found = 0;
        for round in 0..2_000 {
            let size = 10f64.powi(round % 4 + 3) * (1 + rng.below(5)) as f64;
            let extent = match round % 2 {
                0 => Extent::Circle { radius: size.min(3e6) },
                _ => Extent::Box { width: size.min(4e6), height: size.min(4e6) / 3.0 },
            };
            let mut center = anywhere(&mut rng, 50.0);
            // A server does not search beyond the date line.
            center.longitude /= 2.0;
            let shape = Shape { center, extent };
            let runs: Vec<_> = shape.score_ranges().collect();
            assert!(runs.len() <= 9);
            for score in &places {
                if shape.distance_to(Place::of_score(*score)).is_some() {
                    found += 1;
                    assert!(runs.iter().any(|run| run.contains(score)), "{shape:?} {score}");
                }
            }
        }
        assert!(found > 1_000, "the test is about places that are found");
    }

    #[test]
    fn cells_go_on_at_the_opposite_edge() {
        let corner = Cell { bits: 0, step: 3 };
        assert_eq!(corner.beside(-1, 0).beside(1, 0), corner);
        assert_eq!(squeeze(corner.beside(-1, -1).bits), 7);
        assert_eq!(spread(0b1011), 0b100_0101);
    }
}
