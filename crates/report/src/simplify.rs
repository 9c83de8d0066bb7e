//! Lines with fewer points that look the same.

/// Drops points that lie within `tolerance` of the line through those kept (Ramer 1972; Douglas and Peucker 1973); the ends
/// stay.
pub(crate) fn line(points: Vec<(f64, f64)>, tolerance: f64) -> Vec<(f64, f64)> {
    if points.len() < 3 {
        return points;
    }
    let mut is_kept = vec![false; points.len()];
    is_kept[0] = true;
    is_kept[points.len() - 1] = true;
    let mut spans = vec![(0, points.len() - 1)];
    while let Some((from, to)) = spans.pop() {
        let off = |i: usize| distance(points[i], points[from], points[to]);
        let farthest = (from + 1..to).map(|i| (off(i), i)).max_by(|a, b| a.0.total_cmp(&b.0));
        if let Some((distance, i)) = farthest
            && distance > tolerance
        {
            is_kept[i] = true;
            spans.extend([(from, i), (i, to)]);
        }
    }
    points.into_iter().zip(is_kept).filter_map(|(point, kept)| kept.then_some(point)).collect()
}

/// Distance of a point from the piece of line between two others.
fn distance(p: (f64, f64), a: (f64, f64), b: (f64, f64)) -> f64 {
    let (dx, dy) = (b.0 - a.0, b.1 - a.1);
    let length2 = dx * dx + dy * dy;
    let along = ((p.0 - a.0) * dx + (p.1 - a.1) * dy) / length2;
    // Both ends at one place: 0/0.
    let along = if length2 > 0.0 { along.clamp(0.0, 1.0) } else { 0.0 };
    (p.0 - a.0 - along * dx).hypot(p.1 - a.1 - along * dy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corners_stay_and_points_between_them_go() {
        let stairs = [(0.0, 0.0), (1.0, 0.0), (2.0, 0.0), (2.0, 1.0), (2.0, 2.0), (3.0, 2.0)];
        assert_eq!(line(stairs.to_vec(), 0.1), [(0.0, 0.0), (2.0, 0.0), (2.0, 2.0), (3.0, 2.0)]);
        // There and back again: the turning point is off the ends, which coincide.
        assert_eq!(line(vec![(0.0, 0.0), (5.0, 0.0), (0.0, 0.0)], 0.1).len(), 3);
    }

    #[test]
    fn no_point_is_farther_off_than_allowed() {
        let wave: Vec<(f64, f64)> =
            (0..2000).map(|i| (0.1 * f64::from(i), 40.0 * (0.05 * f64::from(i)).sin())).collect();
        let few = line(wave.clone(), 0.2);
        assert!(few.len() < 800, "{}", few.len());
        for point in wave {
            let nearest =
                few.windows(2).map(|ends| distance(point, ends[0], ends[1])).fold(f64::INFINITY, f64::min);
            assert!(nearest <= 0.2, "{point:?}: {nearest}");
        }
    }
}
